package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

// news is told what becomes of clusters. It must not block for long.
type news interface {
	// Changed is called after a check found a cluster in another state than
	// before, once for all servers that share a database.
	Changed(ctx context.Context, c models.Cluster)
	// Removed is called after a cluster was removed.
	Removed(ctx context.Context, c models.Cluster)
}

// nobody is told nothing.
type nobody struct{}

// Changed does nothing.
func (nobody) Changed(context.Context, models.Cluster) {}

// Removed does nothing.
func (nobody) Removed(context.Context, models.Cluster) {}

// Tell has news of all clusters told to n. It is called before the service is
// used.
func (s *Service) Tell(n news) { s.news = n }

// Test asks a cluster whether it answers and accepts the credentials, for up
// to 10 s, and stores the outcome. A failed test is no error.
func (s *Service) Test(ctx context.Context, owner, name string) (models.ClusterTest, error) {
	g, err := s.users.Access.Require(ctx, owner, name, models.ClusterProbe)
	if err != nil {
		return models.ClusterTest{}, err
	}
	c, err := s.CheckSingleCluster(ctx, g.Cluster, false)
	if err != nil {
		return models.ClusterTest{}, err
	}
	return models.ClusterTest{Cluster: c.Name, Status: c.Status, Message: c.LastError}, nil
}

// Refresh reads a cluster's metadata again and stores it. A cluster that does
// not answer is Unavailable.
func (s *Service) Refresh(ctx context.Context, owner, name string) (models.ClusterMetadata, error) {
	g, err := s.users.Access.Require(ctx, owner, name, models.ClusterProbe)
	if err != nil {
		return models.ClusterMetadata{}, err
	}
	c, err := s.CheckSingleCluster(ctx, g.Cluster, true)
	if err != nil {
		return models.ClusterMetadata{}, err
	}
	if c.Status != models.ClusterConnected {
		return models.ClusterMetadata{}, &models.Error{
			Op: "cluster.Service.Refresh", Kind: models.Unavailable, Msg: c.LastError,
		}
	}
	return viewOf(models.ClusterGrant{
		Cluster: c, Role: g.Role, Namespaces: g.Namespaces,
	}, models.Person{}).Metadata, nil
}

// CheckSingleCluster tests c for a person, reads its metadata if describe is
// set, stores the outcome and returns c with it. A failed test is no error;
// Status and LastError tell. Checks of one cluster at the same time share one,
// those in the background among them. The check goes on when ctx ends, for up
// to 10 s: the status is not to be left open. It also ends the pauses that a
// dead cluster is given in the background.
func (s *Service) CheckSingleCluster(ctx context.Context, c models.Cluster, describe bool) (models.Cluster, error) {
	ctx = context.WithoutCancel(ctx)
	f := s.flights.do(ctx, c, describe, func() found { return s.examine(ctx, c, examination{describe: describe}) })
	return f.cluster, f.err
}

// CheckHealth tests a cluster in the background. What it finds is stored if it
// differs from what is stored already; else the caller stores that there was a
// check. A failed test is no error. When ctx ends first, nothing has been found
// out and nothing is stored.
func (s *Service) CheckHealth(ctx context.Context, id string, p models.ProbeOptions) (models.ClusterCheck, error) {
	c, err := s.store.ByID(ctx, id)
	if models.KindOf(err) == models.NotFound {
		return models.ClusterCheck{Skipped: true}, nil
	}
	if err != nil {
		return models.ClusterCheck{}, err
	}
	old := s.now().Sub(c.Metadata.LastUpdated) > factsAge
	describing := old && p.QuickTimeout == 0 && c.Status == models.ClusterConnected
	if c.LastCheck != nil && s.now().Sub(*c.LastCheck) < p.SkipWithin && !describing {
		return models.ClusterCheck{Cluster: c, Skipped: true}, nil
	}
	ex := examination{background: true, quick: p.QuickTimeout, describe: old && p.QuickTimeout == 0}
	f := s.flights.do(ctx, c, ex.describe, func() found { return s.examine(ctx, c, ex) })
	if errors.Is(f.err, errSlowCluster) {
		return models.ClusterCheck{Cluster: c, More: true, Stored: true}, nil
	}
	more := old && !f.described && f.cluster.Status == models.ClusterConnected
	return models.ClusterCheck{Cluster: f.cluster, More: more, Stored: f.stored || f.err != nil}, f.err
}

// examination says how a cluster is examined.
type examination struct {
	describe   bool
	background bool
	quick      time.Duration // how long to wait, without taking silence for an outcome
}

// errSlowCluster ends a quick check without an outcome.
var errSlowCluster = errors.New("the cluster did not answer at once")

// examine tests c, reads its metadata when asked to, stores the outcome and
// returns c with it.
func (s *Service) examine(ctx context.Context, c models.Cluster, ex examination) found {
	wait := s.testTime
	if ex.quick > 0 {
		wait = ex.quick
	}
	probing, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	metadata, err := s.probe(probing, c, ex.describe)
	switch {
	case ctx.Err() != nil:
		return found{cluster: c, err: ctx.Err()}
	case err != nil && ex.quick > 0 && probing.Err() != nil:
		return found{cluster: c, err: errSlowCluster}
	}
	h := models.ClusterHealth{CredentialVersion: c.CredentialVersion, At: s.now().UTC(), Metadata: metadata}
	if h.Status, h.Error = healthOf(err); err != nil && ex.background {
		h.Failures = c.Failures + 1
	}
	asStored := ex.background && err == nil && metadata == nil && c.Status == h.Status && c.LastError == "" && c.LastCheck != nil
	c.Status, c.LastError, c.LastCheck, c.Failures = h.Status, h.Error, &h.At, h.Failures
	if metadata != nil {
		c.Metadata = *metadata
	}
	out := found{cluster: c, described: ex.describe, stored: !asStored}
	if !asStored {
		out.err = s.record(ctx, c, h)
	}
	return out
}

// record stores what was found, also when the server begins to stop, and
// passes on that it is news.
func (s *Service) record(ctx context.Context, c models.Cluster, h models.ClusterHealth) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), testTime)
	defer done()
	changed, err := s.store.SetHealth(ctx, c.ID, h)
	if changed {
		s.log.InfoContext(ctx, "cluster changed its state", "cluster", c.ID, "status", h.Status, "reason", h.Error)
		s.news.Changed(ctx, c)
	}
	return err
}

// probe returns metadata only when it could be read completely; that it could
// not is no failure of the cluster.
func (s *Service) probe(ctx context.Context, c models.Cluster, describe bool) (*models.ClusterMetadata, error) {
	conn, err := s.connection(c)
	if err != nil {
		return nil, err
	}
	if err := conn.Test(ctx); err != nil || !describe {
		return nil, err
	}
	facts, err := conn.Describe(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "cluster metadata could not be read", "cluster", c.ID, "reason", kubernetes.Translate(err).Message)
		return nil, nil
	}
	return metadata(facts, s.now().UTC()), nil
}

// healthOf words an outcome: disconnected when the cluster is out of reach,
// error when it answers but something is wrong.
func healthOf(err error) (status, message string) {
	if err == nil {
		return models.ClusterConnected, ""
	}
	switch kubernetes.ReasonOf(err) {
	case kubernetes.Unreachable, kubernetes.Timeout, kubernetes.Busy:
		return models.ClusterDisconnected, models.MessageOf(err)
	default:
		return models.ClusterError, models.MessageOf(err)
	}
}

func metadata(f kubernetes.Facts, at time.Time) *models.ClusterMetadata {
	m := models.ClusterMetadata{
		Version: f.Version, Platform: f.Platform, Provider: f.Provider, Region: f.Region,
		NodeCount: f.NodeCount, CPUCapacity: f.CPUCapacity, MemoryCapacity: f.MemoryCapacity,
		StorageClasses: f.StorageClasses, Namespaces: f.Namespaces, Capabilities: f.Capabilities,
		LastUpdated: at,
	}
	withLists(&m)
	return &m
}

func emptyMetadata() (m models.ClusterMetadata) {
	withLists(&m)
	return m
}

// withLists makes absent lists empty: a browser calls their methods.
func withLists(m *models.ClusterMetadata) {
	for _, list := range []*[]string{&m.StorageClasses, &m.Namespaces, &m.Capabilities} {
		if *list == nil {
			*list = []string{}
		}
	}
}
