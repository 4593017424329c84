package cluster

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

// Audience names those, besides its owner, who see a cluster.
type Audience func(ctx context.Context, clusterID string) (userIDs []string, err error)

// sharesOf are with whom a cluster is shared.
type sharesOf interface {
	ByCluster(ctx context.Context, clusterID string) ([]models.ClusterShare, error)
}

// publisher tells the readers of a stream.
type publisher interface {
	Publish(key, event string, data any) error
}

// SharersOf returns the audience of those who have accepted a share.
func SharersOf(shares sharesOf) Audience {
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

// Events tells people's streams about the states of the clusters that
// they may see. It is safe for concurrent use.
type Events struct {
	events  publisher
	sharers Audience
	log     *slog.Logger

	mu   sync.Mutex
	told map[string]toldCluster // by id; nil until all have been seen once
}

// toldCluster is what was last told of a cluster.
type toldCluster struct {
	owner, name, status, problem string

	at time.Time // when it was found
}

func (t toldCluster) same(as toldCluster) bool {
	t.at, as.at = time.Time{}, time.Time{}
	return t == as
}

// NewEvents returns events that go to the owner of a cluster and to
// those whom sharers names; nil means nobody else.
func NewEvents(events publisher, sharers Audience, log *slog.Logger) *Events {
	return &Events{events: events, sharers: sharers, log: log}
}

// Changed tells everybody who sees c its present state.
func (e *Events) Changed(ctx context.Context, c models.Cluster) {
	if e.note(c) {
		e.publish(ctx, c, models.EventClusterUpdate, c.State(time.Now()))
	}
}

// Removed tells everybody who saw c that it is gone. Those with whom it is
// shared must still be known as such.
func (e *Events) Removed(ctx context.Context, c models.Cluster) {
	e.mu.Lock()
	delete(e.told, c.ID)
	e.mu.Unlock()
	e.publish(ctx, c, models.EventClusterRemoved, models.ClusterRemoved{Cluster: c.Name, ID: c.ID})
}

// Appeared tells one person that they see c from now on.
func (e *Events) Appeared(ctx context.Context, userID string, c models.Cluster) {
	e.send(ctx, userID, models.EventClusterUpdate, c.State(time.Now()))
}

// Vanished tells one person that they do not see c any more.
func (e *Events) Vanished(ctx context.Context, userID string, c models.Cluster) {
	e.send(ctx, userID, models.EventClusterRemoved, models.ClusterRemoved{Cluster: c.Name, ID: c.ID})
}

// Observe tells what other servers, which share the database, have found out:
// how the clusters in all, which are all there are, differ from what was told
// last. The first time there is nothing to compare with.
func (e *Events) Observe(ctx context.Context, all []models.Cluster) {
	e.mu.Lock()
	before, first := e.told, e.told == nil
	e.told = make(map[string]toldCluster, len(all))
	var news []models.Cluster
	for _, c := range all {
		now, was := toldOf(c), before[c.ID]
		if was.at.After(now.at) { // it was told after all were read
			now = was
		}
		if e.told[c.ID] = now; !now.same(was) {
			news = append(news, c)
		}
		delete(before, c.ID)
	}
	e.mu.Unlock()
	if first {
		return
	}
	for _, c := range news {
		e.publish(ctx, c, models.EventClusterUpdate, c.State(time.Now()))
	}
	for id, was := range before {
		gone := models.Cluster{ID: id, OwnerID: was.owner, Name: was.name}
		e.publish(ctx, gone, models.EventClusterRemoved, models.ClusterRemoved{Cluster: was.name, ID: id})
	}
}

func toldOf(c models.Cluster) toldCluster {
	told := toldCluster{owner: c.OwnerID, name: c.Name, status: c.Status, problem: c.LastError}
	if c.LastCheck != nil {
		told.at = *c.LastCheck
	}
	return told
}

// note reports whether c is in another state than was told last.
func (e *Events) note(c models.Cluster) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := toldOf(c)
	was := e.told[c.ID]
	if e.told != nil {
		e.told[c.ID] = now
	}
	return !was.same(now)
}

func (e *Events) publish(ctx context.Context, c models.Cluster, event string, data any) {
	e.send(ctx, c.OwnerID, event, data)
	if e.sharers == nil {
		return
	}
	users, err := e.sharers(ctx, c.ID)
	if err != nil {
		e.log.WarnContext(ctx, "those who see a cluster could not be told of its state", "cluster", c.ID, "err", err)
	}
	for _, u := range users {
		e.send(ctx, u, event, data)
	}
}

func (e *Events) send(ctx context.Context, userID, event string, data any) {
	if err := e.events.Publish(models.ClustersStream(userID), event, data); err != nil {
		e.log.ErrorContext(ctx, "the state of a cluster could not be told", "err", err)
	}
}
