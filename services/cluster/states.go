package cluster

import (
	"context"

	"github.com/kubeorch/core/models"
)

// States returns what the last checks of all clusters found that the user may
// see; it does no check itself.
func (s *Service) States(ctx context.Context, userID string) (models.ClusterStates, error) {
	grants, err := s.users.Access.List(ctx, userID)
	out := models.ClusterStates{Clusters: make([]models.ClusterState, len(grants))}
	for i, g := range grants {
		out.Clusters[i] = g.Cluster.State(s.now())
	}
	return out, err
}
