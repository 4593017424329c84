package workflow

import "context"

// leavingWorkflows are the workflows of somebody who leaves.
type leavingWorkflows interface {
	IDsByOwner(ctx context.Context, owner string) ([]string, error)
	Erase(ctx context.Context, id string) error
	TransferAll(ctx context.Context, from, to string) error
}

// leavingRuns are the runs of those workflows.
type leavingRuns interface {
	DeleteByWorkflow(ctx context.Context, workflowID string) error
	TransferAll(ctx context.Context, from, to string) error
}

// leavingVersions are their versions.
type leavingVersions interface {
	DeleteByWorkflow(ctx context.Context, workflowID string) error
}

// Leaving settles the workflows of accounts that go away, with their
// versions and runs. It touches no cluster. It is safe for concurrent use.
type Leaving struct {
	Workflows leavingWorkflows
	Versions  leavingVersions
	Runs      leavingRuns
}

// Delete removes the workflows of a user, each after what belongs to it, so
// that nothing is left behind that could not be found again.
func (l Leaving) Delete(ctx context.Context, userID string) error {
	ids, err := l.Workflows.IDsByOwner(ctx, userID)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := l.Runs.DeleteByWorkflow(ctx, id); err != nil {
			return err
		}
		if err := l.Versions.DeleteByWorkflow(ctx, id); err != nil {
			return err
		}
		if err := l.Workflows.Erase(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// Transfer gives all workflows of one user to another.
func (l Leaving) Transfer(ctx context.Context, from, to string) error {
	if err := l.Runs.TransferAll(ctx, from, to); err != nil {
		return err
	}
	return l.Workflows.TransferAll(ctx, from, to)
}
