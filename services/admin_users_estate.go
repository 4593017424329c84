package services

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
	RunningOf(ctx context.Context, owner string) (int64, error)
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

// leavingWorkflows are the workflows of somebody who leaves.
type leavingWorkflows interface {
	IDsOf(ctx context.Context, owner string) ([]string, error)
	Erase(ctx context.Context, id string) error
	TransferAll(ctx context.Context, from, to string) error
}

// leavingRuns are the runs of those workflows.
type leavingRuns interface {
	EraseOf(ctx context.Context, workflowID string) error
	TransferAll(ctx context.Context, from, to string) error
}

// leavingVersions are their versions.
type leavingVersions interface {
	EraseOf(ctx context.Context, workflowID string) error
}

// WorkflowLeaving settles the workflows of accounts that go away, with their
// versions and runs. It touches no cluster. It is safe for concurrent use.
type WorkflowLeaving struct {
	Workflows leavingWorkflows
	Versions  leavingVersions
	Runs      leavingRuns
}

// Delete removes the workflows of a user, each after what belongs to it, so
// that nothing is left behind that could not be found again.
func (l WorkflowLeaving) Delete(ctx context.Context, userID string) error {
	ids, err := l.Workflows.IDsOf(ctx, userID)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := l.Runs.EraseOf(ctx, id); err != nil {
			return err
		}
		if err := l.Versions.EraseOf(ctx, id); err != nil {
			return err
		}
		if err := l.Workflows.Erase(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// Transfer gives all workflows of one user to another.
func (l WorkflowLeaving) Transfer(ctx context.Context, from, to string) error {
	if err := l.Runs.TransferAll(ctx, from, to); err != nil {
		return err
	}
	return l.Workflows.TransferAll(ctx, from, to)
}
