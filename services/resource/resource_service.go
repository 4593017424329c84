package resource

import (
	"context"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

// records reads the inventory.
type records interface {
	List(ctx context.Context, q models.ResourceQuery) ([]models.Resource, error)
	Count(ctx context.Context, q models.ResourceQuery) (int64, error)
	ByID(ctx context.Context, id string) (models.Resource, error)
	Existing(ctx context.Context, ids []string) ([]string, error)
	History(ctx context.Context, id string) ([]models.ResourceChange, error)
	Children(ctx context.Context, parent models.Resource, kind string, limit int) ([]models.Resource, error)
}

// marks keeps what users noted about resources.
type marks interface {
	Of(ctx context.Context, userID string, resourceIDs []string) (map[string]models.ResourceMark, error)
	Set(ctx context.Context, m models.ResourceMark, in models.ResourceMarkInput) error
	Count(ctx context.Context, userID string) (int64, error)
	Marked(ctx context.Context, userID string) (resourceIDs []string, err error)
	Delete(ctx context.Context, userID string, resourceIDs ...string) error
}

// access answers who may do what on which cluster.
type access interface {
	List(ctx context.Context, userID string) ([]models.ClusterGrant, error)
	RequireByID(ctx context.Context, userID, clusterID string, action models.ClusterAction) (models.ClusterGrant, error)
}

// workflows finds the workflow that an object belongs to.
type workflows interface {
	ByID(ctx context.Context, id string) (models.Workflow, error)
}

// syncTimes tells when inventories were complete.
type syncTimes interface {
	ByCluster(ctx context.Context, clusterID string) (models.ResourceSync, error)
}

// syncer fills the inventory.
type syncer interface {
	// Sync reads clusters again soon.
	Sync(clusterIDs []string)
	// Want has changes of a resource's status published until release is called.
	Want(resourceID string) (release func())
}

// Deps is what a Service works with.
type Deps struct {
	Records   records
	Marks     marks
	Access    access
	Workflows workflows
	Times     syncTimes
	Syncer    syncer
	Off       bool // there is no inventory: what was stored before is not shown
	Now       func() time.Time
}

// Service shows the inventory of clusters to their users. Everybody sees what their
// cluster access covers. It is safe for concurrent use.
type Service struct {
	deps     Deps
	holds    holds
	maxMarks int
}

// NewService returns a service over what is stored.
func NewService(deps Deps) *Service {
	return &Service{deps: deps, maxMarks: maxMarks, holds: holds{open: map[*hold]struct{}{}, checks: make(chan string, maxChecks)}}
}

// Object returns the record of an object, deleted or not, if the user may do action on
// its cluster in its namespace. It is NotFound where they may not see it, and Forbidden
// where they may see it only.
func (s *Service) Object(ctx context.Context, userID, id string, action models.ClusterAction) (models.Resource, error) {
	if s.deps.Off || !models.ValidID(id) {
		return models.Resource{}, notFound("resource.Service.Object", nil)
	}
	r, err := s.deps.Records.ByID(ctx, id)
	if err != nil {
		return models.Resource{}, err
	}
	g, err := s.deps.Access.RequireByID(ctx, userID, r.ClusterID, action)
	if models.KindOf(err) == models.NotFound || err == nil && !g.Covers(r.Namespace) {
		return models.Resource{}, notFound("resource.Service.Object", err)
	}
	if models.KindOf(err) == models.Forbidden { // does the user see it at all?
		if _, seen := s.Object(ctx, userID, id, models.ClusterRead); action != models.ClusterRead && seen != nil {
			return models.Resource{}, seen
		}
	}
	return r, err
}

func notFound(op string, err error) error {
	return &models.Error{Op: op, Kind: models.NotFound, Msg: "resource not found", Err: err}
}

// scopes returns what a user may see of each of their clusters, or of those with a name.
func (s *Service) scopes(ctx context.Context, userID, cluster string) (list []clusterScope, err error) {
	if s.deps.Off {
		return nil, nil
	}
	grants, err := s.deps.Access.List(ctx, userID)
	name, id := models.SplitClusterAddress(cluster)
	for _, g := range grants {
		if cluster == "" || name == g.Cluster.Name && (id == "" || id == g.Cluster.ID) {
			list = append(list, clusterScope{g.Cluster.ID, g.Cluster.Name, g.Namespaces})
		}
	}
	return list, err
}

// clusterScope is what a user may see of a cluster.
type clusterScope struct {
	id, name   string
	namespaces []string // the only ones; none means all
}

// scopeOf joins what a user may see of several clusters.
func scopeOf(list ...clusterScope) (all models.ResourceScope) {
	for _, c := range list {
		if len(c.namespaces) > 0 {
			all.Namespaces = append(all.Namespaces, models.NamespacesOf{ClusterID: c.id, Names: c.namespaces})
		} else {
			all.ClusterIDs = append(all.ClusterIDs, c.id)
		}
	}
	return all
}

// Sync has the clusters that a user sees, or the one with a name, read again soon.
func (s *Service) Sync(ctx context.Context, userID, cluster string) error {
	list, err := s.scopes(ctx, userID, cluster)
	if err != nil {
		return err
	}
	ids := make([]string, len(list))
	for i, c := range list {
		ids[i] = c.id
	}
	s.deps.Syncer.Sync(ids)
	return nil
}

// Want has changes of the status of a resource published to the readers of its stream
// until release is called.
func (s *Service) Want(id string) (release func()) { return sync.OnceFunc(s.deps.Syncer.Want(id)) }
