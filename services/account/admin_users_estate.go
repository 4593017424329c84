package account

import (
	"context"

	"github.com/kubeorch/core/models"
)

// ownedBy is one kind of thing that goes with its account. It may be called
// again after a failure.
type ownedBy interface {
	Delete(ctx context.Context, userID string) error
}

// transferable is a kind of thing that can also be given to somebody else. It
// may be called again after a failure.
type transferable interface {
	ownedBy
	Transfer(ctx context.Context, from, to string) error
}

// ownedLister counts the things of one kind that an account has, and lists the
// first of them.
type ownedLister interface {
	Owned(ctx context.Context, owner string, limit int) (models.OwnedItems, error)
}

// estateClusters are the clusters of accounts.
type estateClusters interface {
	ownedLister
	List(ctx context.Context, owner string) ([]models.Cluster, error)
}

// estateRuns knows what is being done for an account.
type estateRuns interface {
	CountRunning(ctx context.Context, owner string) (int64, error)
}

// Estate is what goes with an account.
type Estate struct {
	Workflows ownedLister
	Clusters  estateClusters
	Runs      estateRuns

	// Owned is deleted or given away, in this order.
	Owned Leaving
	// Personal is deleted in any case: what is of use to nobody else.
	Personal Personal
}

// Leaving lists what an account can leave to another one.
type Leaving []transferable

// Personal lists what ends with its account.
type Personal []ownedBy

// OwnedByFunc is an ownedBy that is one function.
type OwnedByFunc func(ctx context.Context, userID string) error

// Delete calls f.
func (f OwnedByFunc) Delete(ctx context.Context, userID string) error { return f(ctx, userID) }
