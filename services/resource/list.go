package resource

import (
	"cmp"
	"context"
	"slices"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/inventory"
)

// List returns the page of resources that q asks for, of the cluster with the given
// name or of all that the user sees. The scope of q is set by List.
func (s *Service) List(ctx context.Context, userID, cluster string, q models.ResourceQuery) (models.ResourcePage, error) {
	scopes, err := s.scopes(ctx, userID, cluster)
	if err != nil {
		return models.ResourcePage{}, err
	}
	q.Scope = scopeOf(scopes...)
	total, err := s.deps.Records.Count(ctx, q)
	if err != nil {
		return models.ResourcePage{}, err
	}
	read := s.deps.Records.List
	if q.Sort == models.SortResourcesByCluster {
		read = func(ctx context.Context, q models.ResourceQuery) ([]models.Resource, error) {
			return s.listByCluster(ctx, scopes, q)
		}
	}
	list, err := read(ctx, q)
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

// listByCluster reads a page that is sorted by the names of clusters, one cluster after
// the other: each has an order of its own in the database, and all together have none.
func (s *Service) listByCluster(ctx context.Context, scopes []clusterScope, q models.ResourceQuery) ([]models.Resource, error) {
	slices.SortFunc(scopes, func(a, b clusterScope) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id))
	})
	if q.Descending {
		slices.Reverse(scopes)
	}
	list := []models.Resource{}
	q.Sort, q.Descending = "", false
	for _, c := range scopes {
		q.Scope = scopeOf(c)
		some, err := s.deps.Records.List(ctx, q)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
		if q.Limit -= len(some); q.Limit == 0 {
			break
		}
		if len(some) > 0 || q.Offset == 0 {
			q.Offset = 0
			continue
		}
		passed, err := s.deps.Records.Count(ctx, q)
		if err != nil {
			return nil, err
		}
		q.Offset = max(0, q.Offset-int(passed))
	}
	return list, nil
}
