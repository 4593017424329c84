package workflow

import "context"

// erasedWorkflows removes the documents of workflows.
type erasedWorkflows interface {
	Erase(ctx context.Context, id string) error
}

// workflowPart is stored for each workflow and goes with it.
type workflowPart interface {
	DeleteByWorkflow(ctx context.Context, workflowID string) error
}

// Eraser removes workflows for good, with what is stored for them.
type Eraser struct {
	Workflows erasedWorkflows
	Versions  workflowPart
	Runs      workflowPart
	Drifts    workflowPart
}

// erase removes workflows. The document of each goes last, so that a repeated call
// finds what a failed one left.
func (e Eraser) erase(ctx context.Context, ids ...string) error {
	for _, id := range ids {
		if err := e.Runs.DeleteByWorkflow(ctx, id); err != nil {
			return err
		}
		if err := e.Versions.DeleteByWorkflow(ctx, id); err != nil {
			return err
		}
		if err := e.Drifts.DeleteByWorkflow(ctx, id); err != nil {
			return err
		}
		if err := e.Workflows.Erase(ctx, id); err != nil {
			return err
		}
	}
	return nil
}
