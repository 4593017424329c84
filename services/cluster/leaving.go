package cluster

import (
	"context"
	"errors"

	"github.com/kubeorch/core/models"
)

// leavingClusters are the clusters of somebody who leaves.
type leavingClusters interface {
	List(ctx context.Context, owner string) ([]models.Cluster, error)
	DeleteByUser(ctx context.Context, owner string) (ids []string, err error)
	TransferOwner(ctx context.Context, from, id, to string) error
}

// leavingShares are what those clusters are shared with, and what was shared
// with whoever leaves.
type leavingShares interface {
	DeleteByCluster(ctx context.Context, clusterID string) error
	DeleteByUser(ctx context.Context, userID string) error
	TransferOwner(ctx context.Context, clusterID, to string) error
	ByUser(ctx context.Context, userID string) ([]models.ClusterShare, error)
}

// leavingDefaults are whose default is which cluster.
type leavingDefaults interface {
	DeleteByCluster(ctx context.Context, clusterID string) error
	DeleteByUser(ctx context.Context, userID string) error
	SetIfNone(ctx context.Context, userID, clusterID string) (string, error)
}

// leavingNews are told who sees which clusters afterwards.
type leavingNews interface {
	Appeared(ctx context.Context, userID string, c models.Cluster)
	Removed(ctx context.Context, c models.Cluster)
}

// Leaving settles the clusters of accounts that go away. Its methods may
// be called again after a failure. It is safe for concurrent use.
type Leaving struct {
	Access   *Access
	Clusters leavingClusters
	Shares   leavingShares
	Defaults leavingDefaults
	Logs     goesWithCluster        // nil where none are kept
	News     leavingNews            // nil where nobody listens
	Forget   func(clusterID string) // ends the connection to a cluster
}

// Delete removes a user's clusters and all shares by and with them.
func (l Leaving) Delete(ctx context.Context, userID string) error {
	offered, err := l.Shares.ByUser(ctx, userID)
	if err != nil {
		return err
	}
	list, err := l.Clusters.List(ctx, userID)
	if err != nil {
		return err
	}
	ids, err := l.Clusters.DeleteByUser(ctx, userID)
	if err == nil {
		l.tellRemoved(ctx, list) // as long as the shares say who saw them
	}
	errs := []error{err, l.Shares.DeleteByUser(ctx, userID), l.Defaults.DeleteByUser(ctx, userID)}
	for _, id := range ids {
		l.Forget(id)
		errs = append(errs, l.Defaults.DeleteByCluster(ctx, id), l.Shares.DeleteByCluster(ctx, id))
		if l.Logs != nil {
			errs = append(errs, l.Logs.DeleteByCluster(ctx, id))
		}
		l.Access.Changed(ctx, id)
	}
	for _, sh := range offered {
		l.Access.Changed(ctx, sh.ClusterID)
	}
	return errors.Join(errs...)
}

func (l Leaving) tellRemoved(ctx context.Context, list []models.Cluster) {
	for _, c := range list {
		if l.News != nil {
			l.News.Removed(ctx, c)
		}
	}
}

// Transfer gives all clusters of one user to another, with those whom they are
// shared with. Where the other one has a cluster of the same name already, it
// is a Conflict, and the clusters that were not given yet stay.
func (l Leaving) Transfer(ctx context.Context, from, to string) error {
	list, err := l.Clusters.List(ctx, from)
	if err != nil {
		return err
	}
	for _, c := range list {
		err := l.Clusters.TransferOwner(ctx, from, c.ID, to)
		if models.KindOf(err) == models.Conflict {
			msg := "the new owner has a cluster named " + c.Name + " already"
			return &models.Error{Op: "cluster.Leaving.Transfer", Kind: models.Conflict, Msg: msg, Err: err}
		}
		if err == nil {
			err = l.Shares.TransferOwner(ctx, c.ID, to)
		}
		if err == nil {
			_, err = l.Defaults.SetIfNone(ctx, to, c.ID)
		}
		if err != nil {
			return err
		}
		l.Access.Changed(ctx, c.ID)
		if l.News != nil {
			l.News.Appeared(ctx, to, c)
		}
	}
	return l.Defaults.DeleteByUser(ctx, from)
}
