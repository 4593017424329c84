package cluster

import (
	"context"

	"github.com/kubeorch/core/models"
)

// permits answers who may do what on which cluster.
type permits interface {
	Require(ctx context.Context, userID, address string, action models.ClusterAction) (models.ClusterGrant, error)
}

// LogReader shows the logs of clusters to those who may see them.
type LogReader struct {
	store  logStore
	access permits
}

// NewLogReader returns a reader of what store keeps.
func NewLogReader(store logStore, access permits) *LogReader {
	return &LogReader{store: store, access: access}
}

// List returns up to limit entries of a cluster that the user sees, the newest
// first. Who may not know with whom it is shared does not see who the others
// are: their entries name nobody, the owner aside.
func (r *LogReader) List(ctx context.Context, userID, name string, limit int) (models.ClusterLogList, error) {
	g, err := r.access.Require(ctx, userID, name, models.ClusterRead)
	if err != nil {
		return models.ClusterLogList{}, err
	}
	list, err := r.store.List(ctx, g.Cluster.ID, limit)
	if err != nil {
		return models.ClusterLogList{}, err
	}
	if !g.May(models.ClusterMembers) {
		for i, e := range list {
			if e.UserID != userID && e.UserID != g.Cluster.OwnerID {
				list[i].UserID, list[i].Details = "", nil
			}
		}
	}
	return models.ClusterLogList{Cluster: g.Cluster.Name, Logs: list}, nil
}
