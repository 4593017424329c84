package account

import (
	"context"

	"github.com/kubeorch/core/models"
)

// deletable is one kind of resource that is deleted with its account. Its methods
// may be called again after a failure.
type deletable interface {
	Delete(ctx context.Context, userID string) error
}

// transferable is one kind of resource that can also be given to another account.
// Its methods may be called again after a failure.
type transferable interface {
	deletable
	Transfer(ctx context.Context, from, to string) error
}

// ownedLister counts the resources of one kind that an account has, and lists
// the first of them.
type ownedLister interface {
	Owned(ctx context.Context, owner string, limit int) (models.OwnedItems, error)
}

// ownedClusters are the clusters of accounts.
type ownedClusters interface {
	ownedLister
	List(ctx context.Context, owner string) ([]models.Cluster, error)
}

// runCounter counts the runs in progress of an account.
type runCounter interface {
	CountRunning(ctx context.Context, owner string) (int64, error)
}

// OwnedResources are the resources that a deletion of their account settles.
type OwnedResources struct {
	Workflows ownedLister
	Clusters  ownedClusters
	Runs      runCounter

	// Transferable is deleted or given to another account, in this order.
	Transferable Transferables
	// Personal is always deleted.
	Personal Personal
}

// Transferables lists the resources that another account can take over.
type Transferables []transferable

// Personal lists the resources that end with their account.
type Personal []deletable

// DeleteFunc is a function that deletes one kind of resource of an account.
type DeleteFunc func(ctx context.Context, userID string) error

// Delete calls f.
func (f DeleteFunc) Delete(ctx context.Context, userID string) error { return f(ctx, userID) }
