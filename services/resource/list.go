package resource

import (
	"context"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/inventory"
)

// List returns the page of resources that q asks for, of the cluster with the given
// name or of all that the user sees. The scope of q is set by List.
func (s *Service) List(ctx context.Context, userID, cluster string, q models.ResourceQuery) (models.ResourcePage, error) {
	scope, err := s.scope(ctx, userID, cluster)
	if err != nil {
		return models.ResourcePage{}, err
	}
	q.Scope = scope
	total, err := s.deps.Records.Count(ctx, q)
	if err != nil {
		return models.ResourcePage{}, err
	}
	list, err := s.deps.Records.List(ctx, q)
	if err != nil {
		return models.ResourcePage{}, err
	}
	noted, err := s.marksOf(ctx, userID, list)
	if err != nil {
		return models.ResourcePage{}, err
	}
	page := models.ResourcePage{Resources: make([]models.ResourceRow, len(list)), Total: total, Limit: q.Limit, Offset: q.Offset}
	for i, r := range list {
		page.Resources[i] = models.ResourceRow{
			ID: r.ID, Name: r.Name, Namespace: r.Namespace, Type: r.Kind, ClusterName: r.ClusterName, Status: r.Status,
			CreatedAt: r.CreatedAt, IsFavorite: noted[r.ID].Favorite, Summary: inventory.Summary(r.Kind, r.ResourceState, s.deps.Now()),
		}
	}
	return page, nil
}

func (s *Service) marksOf(ctx context.Context, userID string, list []models.Resource) (map[string]models.ResourceMark, error) {
	if len(list) == 0 {
		return nil, nil
	}
	ids := make([]string, len(list))
	for i, r := range list {
		ids[i] = r.ID
	}
	return s.deps.Marks.Of(ctx, userID, ids)
}
