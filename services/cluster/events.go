package cluster

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

// Audience returns the users, besides its owner, who see a cluster.
type Audience func(ctx context.Context, clusterID string) (userIDs []string, err error)

// sharesByCluster finds the shares of a cluster.
type sharesByCluster interface {
	ByCluster(ctx context.Context, clusterID string) ([]models.ClusterShare, error)
}

// publisher sends events to the readers of a stream.
type publisher interface {
	Publish(key, event string, data any) error
}

// SharersOf returns the audience of a cluster: the users who have accepted a share.
func SharersOf(shares sharesByCluster) Audience {
	return func(ctx context.Context, clusterID string) (users []string, err error) {
		list, err := shares.ByCluster(ctx, clusterID)
		for _, sh := range list {
			if sh.Status == models.ShareAccepted {
				users = append(users, sh.UserID)
			}
		}
		return users, err
	}
}

// Events publishes the states of clusters to the streams of the users who see
// them. It is safe for concurrent use.
type Events struct {
	events  publisher
	sharers Audience
	log     *slog.Logger

	mu        sync.Mutex
	published map[string]publishedState // by id; nil until all have been seen once
}

// publishedState is the state of a cluster that was published last.
type publishedState struct {
	owner, name, status, problem string

	at time.Time // when it was found
}

func (s publishedState) equal(other publishedState) bool {
	s.at, other.at = time.Time{}, time.Time{}
	return s == other
}

// NewEvents returns events for the owner of a cluster and the users that sharers
// returns; nil means the owner alone.
func NewEvents(events publisher, sharers Audience, log *slog.Logger) *Events {
	return &Events{events: events, sharers: sharers, log: log}
}

// Changed publishes the present state of c.
func (e *Events) Changed(ctx context.Context, c models.Cluster) {
	if e.remember(c) {
		e.publish(ctx, c, models.EventClusterUpdate, c.State(time.Now()))
	}
}

// Removed publishes that c is gone. It is called while the shares of c are still
// stored, since they say who saw it.
func (e *Events) Removed(ctx context.Context, c models.Cluster) {
	e.mu.Lock()
	delete(e.published, c.ID)
	e.mu.Unlock()
	e.publish(ctx, c, models.EventClusterRemoved, models.ClusterRemoved{Cluster: c.Name, ID: c.ID})
}

// Appeared tells one user that they see c from now on.
func (e *Events) Appeared(ctx context.Context, userID string, c models.Cluster) {
	e.send(ctx, userID, models.EventClusterUpdate, c.State(time.Now()))
}

// Vanished tells one user that they do not see c any more.
func (e *Events) Vanished(ctx context.Context, userID string, c models.Cluster) {
	e.send(ctx, userID, models.EventClusterRemoved, models.ClusterRemoved{Cluster: c.Name, ID: c.ID})
}

// Observe publishes what other servers of the same database found out: how all,
// the complete list of clusters, differs from what was published last. The first
// call has nothing to compare with and publishes nothing.
func (e *Events) Observe(ctx context.Context, all []models.Cluster) {
	e.mu.Lock()
	before, first := e.published, e.published == nil
	e.published = make(map[string]publishedState, len(all))
	var changed []models.Cluster
	for _, c := range all {
		now, was := publishedOf(c), before[c.ID]
		if was.at.After(now.at) { // it was published after all were read
			now = was
		}
		if e.published[c.ID] = now; !now.equal(was) {
			changed = append(changed, c)
		}
		delete(before, c.ID)
	}
	e.mu.Unlock()
	if first {
		return
	}
	for _, c := range changed {
		e.publish(ctx, c, models.EventClusterUpdate, c.State(time.Now()))
	}
	for id, was := range before {
		gone := models.Cluster{ID: id, OwnerID: was.owner, Name: was.name}
		e.publish(ctx, gone, models.EventClusterRemoved, models.ClusterRemoved{Cluster: was.name, ID: id})
	}
}

func publishedOf(c models.Cluster) publishedState {
	s := publishedState{owner: c.OwnerID, name: c.Name, status: c.Status, problem: c.LastError}
	if c.LastCheck != nil {
		s.at = *c.LastCheck
	}
	return s
}

// remember stores the state of c as published and reports whether it is a new one.
func (e *Events) remember(c models.Cluster) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := publishedOf(c)
	was := e.published[c.ID]
	if e.published != nil {
		e.published[c.ID] = now
	}
	return !was.equal(now)
}

func (e *Events) publish(ctx context.Context, c models.Cluster, event string, data any) {
	e.send(ctx, c.OwnerID, event, data)
	if e.sharers == nil {
		return
	}
	users, err := e.sharers(ctx, c.ID)
	if err != nil {
		e.log.WarnContext(ctx, "the users who see a cluster could not be found, and miss an event", "cluster", c.ID, "err", err)
	}
	for _, u := range users {
		e.send(ctx, u, event, data)
	}
}

func (e *Events) send(ctx context.Context, userID, event string, data any) {
	if err := e.events.Publish(models.ClustersStream(userID), event, data); err != nil {
		e.log.ErrorContext(ctx, "the state of a cluster could not be published", "err", err)
	}
}
