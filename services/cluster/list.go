package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/kubeorch/core/models"
)

// listCacheSize is in bytes: enough for the pages of some hundred users.
const listCacheSize = 8 << 20

// seen is what the database has about the clusters that a user has access to.
type seen struct {
	userID string
	own    models.Found[models.Cluster]
	shares models.Found[models.ClusterShare]
	shared models.Found[models.Cluster]

	accepted []models.ClusterShare // decoded shares
}

func (s seen) same(other seen) bool {
	return s.userID == other.userID && s.own.Same(other.own) && s.shares.Same(other.shares) && s.shared.Same(other.shared)
}

// see reads what the database has for a user. It is cheap when that is the same as
// before.
func (a *Access) see(ctx context.Context, userID string, before seen) (now seen, err error) {
	now = seen{userID: userID, accepted: before.accepted}
	if now.own, err = a.clusters.OwnedBy(ctx, userID, before.own); err != nil {
		return seen{}, err
	}
	if now.shares, err = a.shares.AllAccepted(ctx, userID, before.shares); err != nil {
		return seen{}, err
	}
	if !now.shares.Same(before.shares) {
		if now.accepted, err = now.shares.All(); err != nil {
			return seen{}, err
		}
	}
	ids := make([]string, len(now.accepted))
	for i, sh := range now.accepted {
		ids[i] = sh.ClusterID
	}
	now.shared, err = a.clusters.ByIDs(ctx, ids, before.shared)
	return now, err
}

// grants returns what s says that the user may do, the newest cluster first.
func (s seen) grants() ([]models.ClusterGrant, error) {
	own, err := s.own.All()
	if err != nil {
		return nil, err
	}
	shared, err := s.shared.All()
	if err != nil {
		return nil, err
	}
	byCluster := make(map[string]models.ClusterShare, len(s.accepted))
	for _, sh := range s.accepted {
		byCluster[sh.ClusterID] = sh
	}
	grants := make([]models.ClusterGrant, 0, len(own)+len(shared))
	for _, c := range own {
		grants = append(grants, grantOwner(c))
	}
	for _, c := range shared {
		grants = append(grants, grantShared(c, byCluster[c.ID]))
	}
	slices.SortStableFunc(grants, func(x, y models.ClusterGrant) int {
		return cmp.Or(y.Cluster.CreatedAt.Compare(x.Cluster.CreatedAt), cmp.Compare(y.Cluster.ID, x.Cluster.ID))
	})
	return grants, nil
}

// List returns all clusters that the user has access to, the newest first.
func (a *Access) List(ctx context.Context, userID string) ([]models.ClusterGrant, error) {
	now, err := a.see(ctx, userID, seen{})
	if err != nil {
		return nil, err
	}
	return now.grants()
}

// List returns the user's own clusters and those shared with them, newest
// first, and the id of their default.
func (s *Service) List(ctx context.Context, userID string) (models.ClusterList, error) {
	grants, err := s.deps.Access.List(ctx, userID)
	if err != nil {
		return models.ClusterList{}, err
	}
	list, err := s.views(ctx, userID, grants)
	return listOf(list), err
}

func listOf(list []models.Cluster) models.ClusterList {
	out := models.ClusterList{Clusters: list}
	for _, c := range list {
		if c.Default {
			out.Default = c.ID
		}
	}
	return out
}

// listed is the answer to a list with all that it was made of.
type listed struct {
	seen   seen
	frame  frame
	owners []string // those whose names are in frame
	body   []byte
}

// ListJSON returns List as JSON, which must not be changed. Every call reads from
// the database; what it has read is decoded and encoded only if it differs from
// what the last answer for the user was made of. Calls of one user that wait share a
// read.
func (s *Service) ListJSON(ctx context.Context, userID string) ([]byte, error) {
	return s.reads.do(ctx, userID, func(ctx context.Context) ([]byte, error) { return s.readList(ctx, userID) })
}

func (s *Service) readList(ctx context.Context, userID string) ([]byte, error) {
	last, _ := s.lists.Get(userID)
	now, err := s.deps.Access.see(ctx, userID, last.seen)
	if err != nil {
		return nil, err
	}
	next := listed{seen: now, owners: last.owners}
	var grants []models.ClusterGrant
	same := now.same(last.seen)
	if !same {
		if grants, err = now.grants(); err != nil {
			return nil, err
		}
		next.owners = ownersOf(grants)
	}
	if next.frame, err = s.frame(ctx, userID, next.owners); err != nil {
		return nil, err
	}
	if same && next.frame.byDefault == last.frame.byDefault && maps.Equal(next.frame.names, last.frame.names) {
		return last.body, nil
	}
	return s.encodeList(next, grants)
}

// encodeList makes the answer of next and remembers it.
func (s *Service) encodeList(next listed, grants []models.ClusterGrant) (body []byte, err error) {
	if grants == nil {
		if grants, err = next.seen.grants(); err != nil {
			return nil, err
		}
	}
	if body, err = json.Marshal(listOf(next.frame.views(grants))); err != nil {
		return nil, &models.Error{Op: "cluster.Service.ListJSON", Err: err}
	}
	next.body = body
	size := len(body) + next.seen.own.Bytes() + 2*next.seen.shares.Bytes() + next.seen.shared.Bytes()
	s.lists.Put(next.seen.userID, next, size)
	return body, nil
}
