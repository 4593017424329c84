package cluster

import (
	"context"
	"log/slog"

	"github.com/kubeorch/core/models"
)

// accessClusters finds clusters by name and id.
type accessClusters interface {
	OwnedBy(ctx context.Context, owner string, before models.Found[models.Cluster]) (models.Found[models.Cluster], error)
	ByName(ctx context.Context, owner, name string) (models.Cluster, error)
	ByID(ctx context.Context, id string) (models.Cluster, error)
	ByIDs(ctx context.Context, ids []string, before models.Found[models.Cluster]) (models.Found[models.Cluster], error)
}

// accessShares finds the shares with a user.
type accessShares interface {
	ByClusterAndUser(ctx context.Context, clusterID, userID string) (models.ClusterShare, error)
	Accepted(ctx context.Context, userID, name string) ([]models.ClusterShare, error)
	AllAccepted(ctx context.Context, userID string, before models.Found[models.ClusterShare]) (models.Found[models.ClusterShare], error)
}

// AccessDeps is what Access works with.
type AccessDeps struct {
	Clusters accessClusters
	Shares   accessShares
	Peers    peers // nil: there can be no other server
	Log      *slog.Logger
}

// Access answers who may do what on which cluster. A user has their own clusters
// and those whose shares they have accepted. Every answer is read from the
// database. It is safe for concurrent use.
type Access struct {
	clusters accessClusters
	shares   accessShares
	changes  accessChanges
}

// NewAccess returns the rules over the clusters and shares that are stored.
func NewAccess(d AccessDeps) *Access {
	if d.Peers == nil {
		d.Peers = noPeers{}
	}
	return &Access{
		clusters: d.Clusters, shares: d.Shares,
		changes: accessChanges{peers: d.Peers, log: d.Log, wake: make(chan struct{}, 1)},
	}
}

// Require returns what the user may do on the cluster at address, which is a
// name or a name with an id. Without any access it is NotFound, whether the
// cluster exists or not; with too little for action it is Forbidden. Where the
// action has a place, the grant's Covers says whether it may happen there.
func (a *Access) Require(
	ctx context.Context, userID, address string, action models.ClusterAction,
) (models.ClusterGrant, error) {
	g, err := a.find(ctx, userID, address)
	if err != nil {
		return models.ClusterGrant{}, err
	}
	return g, permit(g, action)
}

// RequireIn is Require for an action in one namespace.
func (a *Access) RequireIn(
	ctx context.Context, userID, address string, action models.ClusterAction, namespace string,
) (models.ClusterGrant, error) {
	g, err := a.Require(ctx, userID, address, action)
	if err == nil && !g.Covers(namespace) {
		msg := "cluster " + g.Cluster.Name + " is not shared with you in namespace " + namespace
		return g, &models.Error{Op: "cluster.Access.RequireIn", Kind: models.Forbidden, Msg: msg}
	}
	return g, err
}

// RequireByID is Require for a cluster whose id is known.
func (a *Access) RequireByID(
	ctx context.Context, userID, clusterID string, action models.ClusterAction,
) (models.ClusterGrant, error) {
	g, err := a.byID(ctx, userID, clusterID)
	if err != nil {
		return models.ClusterGrant{}, err
	}
	return g, permit(g, action)
}

// RequireFor is Require for the cluster of a workflow. A workflow that has run
// belongs to the cluster that it ran in. Only when that cluster is gone does its
// name mean another one, and then only one of the owner's own.
func (a *Access) RequireFor(ctx context.Context, w models.Workflow, action models.ClusterAction) (models.ClusterGrant, error) {
	const op = "cluster.Access.RequireFor"
	if w.ClusterRef == "" {
		return a.Require(ctx, w.OwnerID, w.ClusterID, action)
	}
	g, err := a.RequireByID(ctx, w.OwnerID, w.ClusterRef, action)
	if models.KindOf(err) != models.NotFound {
		return g, err
	}
	_, gone := a.clusters.ByID(ctx, w.ClusterRef)
	if gone == nil {
		msg := "you have no access any more to the cluster " + w.ClusterID + " that this workflow runs in"
		return models.ClusterGrant{}, &models.Error{Op: op, Kind: models.Forbidden, Msg: msg, Err: err}
	}
	if models.KindOf(gone) != models.NotFound {
		return models.ClusterGrant{}, gone
	}
	g, err = a.Require(ctx, w.OwnerID, w.ClusterID, action)
	if err == nil && !g.Owned() {
		msg := "the cluster " + w.ClusterID + " that this workflow ran in was deleted, and the name means somebody else's now; " +
			"clone the workflow to run it there"
		return models.ClusterGrant{}, &models.Error{Op: op, Kind: models.Conflict, Msg: msg}
	}
	return g, err
}

// ClusterOf returns the id of the cluster that a workflow belongs to, whether or not
// its owner still has access, or "" when there is none any more.
func (a *Access) ClusterOf(ctx context.Context, w models.Workflow) (string, error) {
	g, err := a.RequireFor(ctx, w, models.ClusterRead)
	if err == nil || !models.LostAccess(err) {
		return g.Cluster.ID, err
	}
	if w.ClusterRef == "" {
		return "", nil
	}
	c, err := a.clusters.ByID(ctx, w.ClusterRef)
	if models.KindOf(err) == models.NotFound {
		return "", nil
	}
	return c.ID, err
}

// find looks among the user's own clusters first, then among shared ones, the one
// accepted longest ago first.
func (a *Access) find(ctx context.Context, userID, address string) (models.ClusterGrant, error) {
	name, id := models.SplitClusterAddress(address)
	if id != "" {
		g, err := a.byID(ctx, userID, id)
		if err == nil && g.Cluster.Name != name {
			err = noCluster("cluster.Access.find")
		}
		return g, err
	}
	own, err := a.clusters.ByName(ctx, userID, name)
	if err == nil {
		return grantOwner(own), nil
	}
	if models.KindOf(err) != models.NotFound {
		return models.ClusterGrant{}, err
	}
	shares, serr := a.shares.Accepted(ctx, userID, name)
	if serr != nil {
		return models.ClusterGrant{}, serr
	}
	for _, sh := range shares {
		c, cerr := a.clusters.ByID(ctx, sh.ClusterID)
		if cerr == nil {
			return grantShared(c, sh), nil
		}
		if models.KindOf(cerr) != models.NotFound {
			return models.ClusterGrant{}, cerr
		}
	}
	return models.ClusterGrant{}, err
}

func (a *Access) byID(ctx context.Context, userID, clusterID string) (models.ClusterGrant, error) {
	c, err := a.clusters.ByID(ctx, clusterID)
	if err != nil {
		return models.ClusterGrant{}, err
	}
	if c.OwnerID == userID {
		return grantOwner(c), nil
	}
	sh, err := a.shares.ByClusterAndUser(ctx, clusterID, userID)
	if models.KindOf(err) == models.NotFound || err == nil && sh.Status != models.ShareAccepted {
		err = noCluster("cluster.Access.byID")
	}
	if err != nil {
		return models.ClusterGrant{}, err
	}
	return grantShared(c, sh), nil
}

func grantOwner(c models.Cluster) models.ClusterGrant {
	return models.ClusterGrant{Cluster: c, UserID: c.OwnerID, Role: models.ClusterOwner}
}

func grantShared(c models.Cluster, sh models.ClusterShare) models.ClusterGrant {
	return models.ClusterGrant{Cluster: c, UserID: sh.UserID, Role: sh.Role, Namespaces: sh.Namespaces, ShareID: sh.ID, Pods: sh.PodBounds}
}

func permit(g models.ClusterGrant, action models.ClusterAction) error {
	if g.May(action) {
		return nil
	}
	as := g.Role
	if g.Restricted() {
		as += " of certain namespaces"
	}
	msg := "cluster " + g.Cluster.Name + " is shared with you as " + as + ", who may not " + action.String()
	return &models.Error{Op: "cluster.Access", Kind: models.Forbidden, Msg: msg}
}

// noCluster returns the error of a repository for a cluster that does not exist,
// so that a cluster without access looks the same.
func noCluster(op string) error {
	return &models.Error{Op: op, Kind: models.NotFound, Msg: "cluster not found"}
}
