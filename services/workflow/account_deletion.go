package workflow

import "context"

// ownedWorkflows deletes and transfers the workflows of an account.
type ownedWorkflows interface {
	IDsByOwner(ctx context.Context, owner string) ([]string, error)
	Erase(ctx context.Context, id string) error
	TransferAll(ctx context.Context, from, to string) error
}

// ownedRuns deletes and transfers their runs.
type ownedRuns interface {
	DeleteByWorkflow(ctx context.Context, workflowID string) error
	TransferAll(ctx context.Context, from, to string) error
}

// ownedVersions deletes their versions.
type ownedVersions interface {
	DeleteByWorkflow(ctx context.Context, workflowID string) error
}

// AccountDeletion deletes or transfers the workflows of an account that is deleted,
// with their versions and runs. It changes no cluster. It is safe for concurrent
// use.
type AccountDeletion struct {
	Workflows ownedWorkflows
	Versions  ownedVersions
	Runs      ownedRuns
}

// Delete removes the workflows of a user. The runs and versions of each go first,
// so that a repeated call finds what a failed one left.
func (d AccountDeletion) Delete(ctx context.Context, userID string) error {
	ids, err := d.Workflows.IDsByOwner(ctx, userID)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := d.Runs.DeleteByWorkflow(ctx, id); err != nil {
			return err
		}
		if err := d.Versions.DeleteByWorkflow(ctx, id); err != nil {
			return err
		}
		if err := d.Workflows.Erase(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// Transfer gives all workflows of one user to another.
func (d AccountDeletion) Transfer(ctx context.Context, from, to string) error {
	if err := d.Runs.TransferAll(ctx, from, to); err != nil {
		return err
	}
	return d.Workflows.TransferAll(ctx, from, to)
}
