package cluster

import (
	"context"

	"github.com/kubeorch/core/models"
)

// ownerView is ownerViews for a single share.
func (s *Shares) ownerView(ctx context.Context, sh models.ClusterShare) (models.ClusterShareView, error) {
	list, err := s.ownerViews(ctx, []models.ClusterShare{sh})
	if err != nil {
		return models.ClusterShareView{}, err
	}
	return list[0], nil
}

// ownerViews returns shares as the owner of the cluster sees them. The person
// behind a pending share is hidden, so that nobody learns which addresses have an
// account, or whose an id is.
func (s *Shares) ownerViews(ctx context.Context, list []models.ClusterShare) ([]models.ClusterShareView, error) {
	views, err := s.views(ctx, list)
	for i, sh := range list {
		switch {
		case err != nil || sh.Status != models.SharePending:
		case sh.Email != "":
			views[i].User = models.Person{Email: sh.Email}
		default:
			views[i].User = models.Person{ID: sh.UserID}
		}
	}
	return views, err
}

// views returns shares with the names of the accounts.
func (s *Shares) views(ctx context.Context, list []models.ClusterShare) ([]models.ClusterShareView, error) {
	ids := make([]string, 0, 2*len(list))
	for _, sh := range list {
		ids = append(ids, sh.UserID, sh.OwnerID)
	}
	people, err := s.deps.Users.People(ctx, ids)
	if err != nil {
		return nil, err
	}
	views := make([]models.ClusterShareView, len(list))
	for i, sh := range list {
		views[i] = models.ClusterShareView{
			ID: sh.ID, Cluster: sh.ClusterName, User: people[sh.UserID], Owner: people[sh.OwnerID], Role: sh.Role,
			Namespaces: nonNil(sh.Namespaces), Status: sh.Status, CreatedAt: sh.CreatedAt, AcceptedAt: sh.AcceptedAt,
			PodBounds: sh.Bounds(),
		}
	}
	return views, nil
}
