package cluster

import (
	"context"
	"errors"

	"github.com/kubeorch/core/models"
)

// removalClusters finds and changes the clusters of an account.
type removalClusters interface {
	List(ctx context.Context, owner string) ([]models.Cluster, error)
	DeleteByUser(ctx context.Context, owner string) (ids []string, err error)
	TransferOwner(ctx context.Context, from, id, to string) error
}

// removalShares finds and changes the shares by and with an account.
type removalShares interface {
	DeleteByCluster(ctx context.Context, clusterID string) error
	DeleteByUser(ctx context.Context, userID string) error
	TransferOwner(ctx context.Context, clusterID, to string) error
	ByUser(ctx context.Context, userID string) ([]models.ClusterShare, error)
}

// removalDefaults changes who has which default cluster.
type removalDefaults interface {
	defaults
	DeleteByUser(ctx context.Context, userID string) error
}

// removalEvents tells people's streams which clusters they gain and lose.
type removalEvents interface {
	Appeared(ctx context.Context, userID string, c models.Cluster)
	Removed(ctx context.Context, c models.Cluster)
}

// AccountRemoval deletes or transfers the clusters of accounts that are removed.
// Its methods may be called again after a failure. It is safe for concurrent
// use.
type AccountRemoval struct {
	Access   *Access
	Clusters removalClusters
	Shares   removalShares
	Defaults removalDefaults
	Logs     clusterData   // nil where none are kept
	Events   removalEvents // nil where nobody listens
}

// Delete removes a user's clusters and all shares by and with them.
func (r AccountRemoval) Delete(ctx context.Context, userID string) error {
	offered, err := r.Shares.ByUser(ctx, userID)
	if err != nil {
		return err
	}
	list, err := r.Clusters.List(ctx, userID)
	if err != nil {
		return err
	}
	ids, err := r.Clusters.DeleteByUser(ctx, userID)
	if err == nil {
		r.publishRemoved(ctx, list) // before the shares with those who saw them go
	}
	errs := []error{err, r.Shares.DeleteByUser(ctx, userID), r.Defaults.DeleteByUser(ctx, userID)}
	for _, id := range ids {
		errs = append(errs, r.Shares.DeleteByCluster(ctx, id), replaceDefaults(ctx, r.Access, r.Defaults, id))
		if r.Logs != nil {
			errs = append(errs, r.Logs.DeleteByCluster(ctx, id))
		}
		r.Access.Changed(ctx, id)
	}
	for _, sh := range offered {
		r.Access.Changed(ctx, sh.ClusterID)
	}
	return errors.Join(errs...)
}

func (r AccountRemoval) publishRemoved(ctx context.Context, list []models.Cluster) {
	for _, c := range list {
		if r.Events != nil {
			r.Events.Removed(ctx, c)
		}
	}
}

// Transfer gives all clusters of one user to another, with their shares. A
// cluster whose name the other user has already is a Conflict; it and those after
// it stay.
func (r AccountRemoval) Transfer(ctx context.Context, from, to string) error {
	list, err := r.Clusters.List(ctx, from)
	if err != nil {
		return err
	}
	for _, c := range list {
		err := r.Clusters.TransferOwner(ctx, from, c.ID, to)
		if models.KindOf(err) == models.Conflict {
			msg := "the new owner has a cluster named " + c.Name + " already"
			return &models.Error{Op: "cluster.AccountRemoval.Transfer", Kind: models.Conflict, Msg: msg, Err: err}
		}
		if err == nil {
			err = r.Shares.TransferOwner(ctx, c.ID, to)
		}
		if err == nil {
			_, err = r.Defaults.SetIfNone(ctx, to, c.ID)
		}
		if err != nil {
			return err
		}
		r.Access.Changed(ctx, c.ID)
		if r.Events != nil {
			r.Events.Appeared(ctx, to, c)
		}
	}
	return r.Defaults.DeleteByUser(ctx, from)
}
