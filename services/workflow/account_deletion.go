package workflow

import "context"

// ownedWorkflows erases and transfers the workflows of an account.
type ownedWorkflows interface {
	IDsByOwner(ctx context.Context, owner string) ([]string, error)
	Erase(ctx context.Context, id string) error
	TransferAll(ctx context.Context, from, to string) error
}

// ownedRuns deletes and transfers their runs.
type ownedRuns interface {
	workflowPart
	TransferAll(ctx context.Context, from, to string) error
}

// AccountDeletion erases or transfers the workflows of an account that is deleted,
// with what is stored for them. It changes no cluster. It is safe for concurrent
// use.
type AccountDeletion struct {
	Workflows ownedWorkflows
	Versions  workflowPart
	Runs      ownedRuns
	Drifts    workflowPart
}

// Delete erases the workflows of a user.
func (d AccountDeletion) Delete(ctx context.Context, userID string) error {
	ids, err := d.Workflows.IDsByOwner(ctx, userID)
	if err != nil {
		return err
	}
	return Eraser{d.Workflows, d.Versions, d.Runs, d.Drifts}.erase(ctx, ids...)
}

// Transfer gives all workflows of one user to another.
func (d AccountDeletion) Transfer(ctx context.Context, from, to string) error {
	if err := d.Runs.TransferAll(ctx, from, to); err != nil {
		return err
	}
	return d.Workflows.TransferAll(ctx, from, to)
}
