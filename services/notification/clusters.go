package notification

import (
	"context"
	"time"

	"github.com/kubeorch/core/models"
)

// clusterTime bounds the telling of everybody who sees a cluster.
const clusterTime = 10 * time.Second

// audience returns the users, besides its owner, who see a cluster.
type audience func(ctx context.Context, clusterID string) (userIDs []string, err error)

// Clusters tells people when their clusters fail and when they answer again. It is
// safe for concurrent use.
type Clusters struct {
	notifications *Service
	sharers       audience
}

// NewClusters returns what tells the owners of clusters, and those whom sharers
// returns, through s.
func NewClusters(s *Service, sharers func(ctx context.Context, clusterID string) ([]string, error)) *Clusters {
	return &Clusters{notifications: s, sharers: sharers}
}

// Changed tells who sees c that it works no more, or again. Its status was was. The
// first check of a cluster is no news: whoever added it waits for its outcome.
func (l *Clusters) Changed(ctx context.Context, c models.Cluster, was string) {
	n := models.Notification{RefID: c.ID, Link: "/dashboard/clusters"}
	switch {
	case was == models.ClusterConnected && c.Status == models.ClusterDisconnected:
		n.Type, n.Title = models.NotifyWarning, "Cluster "+c.Name+" cannot be reached"
	case was == models.ClusterConnected && c.Status == models.ClusterError:
		n.Type, n.Title = models.NotifyWarning, "Cluster "+c.Name+" has a problem"
	case (was == models.ClusterDisconnected || was == models.ClusterError) && c.Status == models.ClusterConnected:
		n.Type, n.Title, n.Message = models.NotifySystem, "Cluster "+c.Name+" works again", "The cluster answers and accepts the credentials."
	default:
		return
	}
	if n.What = c.Status; n.Message == "" {
		n.Message = c.LastError
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), clusterTime)
	defer cancel()
	log := l.notifications.log
	users, err := l.sharers(ctx, c.ID)
	if err != nil {
		log.WarnContext(ctx, "those who share a cluster could not be found, and miss a notification", "cluster", c.ID, "err", err)
	}
	for _, user := range append([]string{c.OwnerID}, users...) {
		n.UserID = user
		if err := l.notifications.add(ctx, n); err != nil {
			log.WarnContext(ctx, "a notification was lost", "user", user, "cluster", c.ID, "err", err)
		}
	}
}

// Removed does nothing: whoever removes a cluster knows it.
func (l *Clusters) Removed(context.Context, models.Cluster) {}
