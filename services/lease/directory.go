package lease

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kubeorch/core/models"
)

// runningRuns lists the running runs with their leases.
type runningRuns interface {
	Leased(ctx context.Context) ([]models.Run, error)
}

// Directory tells administrators which servers there are and what each of them does.
// It is safe for concurrent use.
type Directory struct {
	Session *Session
	Leases  balancedLeases // as in the session's Deps
	Runs    runningRuns
	// Clusters returns the ids of all clusters.
	Clusters func(ctx context.Context) ([]string, error)
}

// List returns all servers, the one that answers first and the others by name.
func (d *Directory) List(ctx context.Context) ([]models.ServerView, error) {
	servers, err := d.Session.records(ctx)
	if err != nil {
		return nil, err
	}
	views := make([]models.ServerView, len(servers))
	byID := make(map[string]*models.ServerHolds, len(servers))
	for i, s := range servers {
		views[i] = models.ServerView{
			ID: s.ID, Name: s.Name, Version: s.Version, Since: s.Since, LastHeartbeat: s.BeatAt, Current: s.ID == d.Session.ID(),
			Holds: models.ServerHolds{Clusters: []string{}, Runs: []string{}, Tasks: []string{}},
		}
		byID[s.ID] = &views[i].Holds
	}
	leases, err := d.leases(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range leases {
		holds := byID[l.Holder]
		if holds == nil { // its server is gone
			continue
		}
		if id, ok := strings.CutPrefix(l.Name, ClusterPrefix); ok && models.ValidID(id) {
			holds.Clusters = append(holds.Clusters, id)
		} else {
			holds.Tasks = append(holds.Tasks, l.Name)
		}
	}
	running, err := d.Runs.Leased(ctx)
	for _, r := range running {
		if holds := byID[r.Lease]; holds != nil {
			holds.Runs = append(holds.Runs, r.ID)
		}
	}
	return views, err
}

// leases returns all leases; those of a server that can be the only one are not
// stored.
func (d *Directory) leases(ctx context.Context) (all []models.LeaseRecord, err error) {
	if !d.Session.solo() {
		return d.Leases.List(ctx, "")
	}
	own := func(name string) models.LeaseRecord { return models.LeaseRecord{Name: name, Holder: d.Session.ID()} }
	for _, name := range d.Session.names() {
		all = append(all, own(name))
	}
	clusters, err := d.Clusters(ctx)
	for _, id := range clusters {
		all = append(all, own(ClusterPrefix+id))
	}
	return all, err
}

// records returns the servers, this one first and the others by name.
func (s *Session) records(ctx context.Context) ([]models.Server, error) {
	me := models.Server{
		ID: s.ID(), Name: s.deps.Name, Version: s.deps.Version, Since: s.since, BeatAt: models.StoredTime(time.Now()),
	}
	if s.solo() {
		return []models.Server{me}, nil
	}
	all, err := s.deps.Servers.List(ctx)
	slices.SortFunc(all, func(x, y models.Server) int {
		return cmp.Or(isOther(x, me)-isOther(y, me), cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID))
	})
	return all, err
}

// isOther is 1 for another server than me, else 0.
func isOther(s, me models.Server) int {
	if s.ID == me.ID {
		return 0
	}
	return 1
}
