package cluster

import (
	"context"
	"slices"

	"github.com/kubeorch/core/models"
)

// defaults stores the default cluster of each user.
type defaults interface {
	ByUser(ctx context.Context, userID string) (clusterID string, err error)
	Set(ctx context.Context, userID, clusterID string) error
	SetIfNone(ctx context.Context, userID, clusterID string) (string, error)
	Clear(ctx context.Context, userID, clusterID string) error
	Users(ctx context.Context, clusterID string) ([]string, error) // who has it as their default
}

// people finds the names of accounts.
type people interface {
	People(ctx context.Context, ids []string) (map[string]models.Person, error)
}

// clusterData is data that belongs to a cluster and is deleted with it.
type clusterData interface {
	DeleteByCluster(ctx context.Context, clusterID string) error
}

// Get returns a cluster that the user has access to, or NotFound.
func (s *Service) Get(ctx context.Context, userID, name string) (models.Cluster, error) {
	g, err := s.deps.Access.Require(ctx, userID, name, models.ClusterRead)
	if err != nil {
		return models.Cluster{}, err
	}
	return s.view(ctx, g)
}

// Default returns the user's default cluster, or NotFound.
func (s *Service) Default(ctx context.Context, userID string) (models.Cluster, error) {
	id, err := s.deps.Defaults.ByUser(ctx, userID)
	if err != nil {
		return models.Cluster{}, err
	}
	g, err := s.deps.Access.RequireByID(ctx, userID, id, models.ClusterRead)
	if err != nil {
		return models.Cluster{}, err
	}
	return s.view(ctx, g)
}

// SetDefault makes a cluster the user's only default. It may be a shared one.
func (s *Service) SetDefault(ctx context.Context, userID, name string) error {
	g, err := s.deps.Access.Require(ctx, userID, name, models.ClusterRead)
	if err != nil {
		return err
	}
	if err := s.deps.Defaults.Set(ctx, userID, g.Cluster.ID); err != nil {
		return err
	}
	s.deps.Entries.Add(ctx, models.ClusterLogEntry{
		ClusterID: g.Cluster.ID, Action: models.ClusterLogDefault, Success: true, Message: "the cluster was made somebody's default",
	})
	return nil
}

// States returns the state of every cluster that the user may see, as the last
// check found it. It checks nothing itself.
func (s *Service) States(ctx context.Context, userID string) (models.ClusterStates, error) {
	grants, err := s.deps.Access.List(ctx, userID)
	out := models.ClusterStates{Clusters: make([]models.ClusterState, len(grants))}
	for i, g := range grants {
		out.Clusters[i] = g.Cluster.State(s.now())
	}
	return out, err
}

// view returns the cluster of g as its user sees it.
func (s *Service) view(ctx context.Context, g models.ClusterGrant) (models.Cluster, error) {
	list, err := s.views(ctx, g.UserID, []models.ClusterGrant{g})
	if err != nil {
		return models.Cluster{}, err
	}
	return list[0], nil
}

// ownView is view for a cluster that its owner has just written.
func (s *Service) ownView(ctx context.Context, c models.Cluster) (models.Cluster, error) {
	return s.view(ctx, grantOwner(c))
}

func (s *Service) views(ctx context.Context, userID string, grants []models.ClusterGrant) ([]models.Cluster, error) {
	f, err := s.frame(ctx, userID, ownersOf(grants))
	if err != nil {
		return nil, err
	}
	return f.views(grants), nil
}

// frame is what the views of a user's clusters show beside the clusters.
type frame struct {
	byDefault string // the id of the user's default
	names     map[string]models.Person
}

func (s *Service) frame(ctx context.Context, userID string, owners []string) (f frame, err error) {
	if f.byDefault, err = s.deps.Defaults.ByUser(ctx, userID); err != nil {
		return frame{}, err
	}
	f.names, err = s.deps.People.People(ctx, owners)
	return f, err
}

// ownersOf returns the ids of those who share clusters.
func ownersOf(grants []models.ClusterGrant) []string {
	var owners []string
	for _, g := range grants {
		if !g.Owned() && !slices.Contains(owners, g.Cluster.OwnerID) {
			owners = append(owners, g.Cluster.OwnerID)
		}
	}
	return owners
}

func (f frame) views(grants []models.ClusterGrant) []models.Cluster {
	list := make([]models.Cluster, len(grants))
	for i, g := range grants {
		list[i] = viewOf(g, f.names[g.Cluster.OwnerID])
		list[i].Default = g.Cluster.ID == f.byDefault
	}
	return list
}

// viewOf returns the cluster of g with what a share adds to it. A share for
// certain namespaces shows the names of those alone.
func viewOf(g models.ClusterGrant, owner models.Person) models.Cluster {
	c := g.Cluster
	if g.Owned() {
		return c
	}
	if g.Restricted() {
		all := slices.Clone(c.Metadata.Namespaces)
		c.Metadata.Namespaces = slices.DeleteFunc(all, func(ns string) bool { return !g.Covers(ns) })
	}
	if c.Metadata.Namespaces == nil {
		c.Metadata.Namespaces = []string{}
	}
	c.ClusterMembership = &models.ClusterMembership{
		Shared: true, Role: g.Role, Owner: owner, Namespaces: nonNil(g.Namespaces), Address: models.ClusterAddress(c),
		PodBounds: g.PodBounds(),
	}
	return c
}

// nonNil makes an absent list empty: pages call its methods.
func nonNil(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}
