package cluster

import (
	"context"
	"log/slog"
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

// Events publishes what this server found out or did to clusters, to the streams of
// the users who see them. It is safe for concurrent use.
type Events struct {
	events  publisher
	sharers Audience
	log     *slog.Logger
}

// NewEvents returns events for the owner of a cluster and the users that sharers
// returns; nil means the owner alone.
func NewEvents(events publisher, sharers Audience, log *slog.Logger) *Events {
	return &Events{events: events, sharers: sharers, log: log}
}

// Changed publishes the present state of c. Of several servers, the one that stored
// the state calls it.
func (e *Events) Changed(ctx context.Context, c models.Cluster, _ string) {
	e.publish(ctx, c, models.EventClusterUpdate, c.State(time.Now()))
}

// Removed publishes that c is gone. It is called while the shares of c are still
// stored, since they say who saw it.
func (e *Events) Removed(ctx context.Context, c models.Cluster) {
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
