package run

import (
	"context"
)

// Cancel asks a run to end, and returns before it has. What the run applied
// stays. A run that has ended is a Conflict.
func (e *Executor) Cancel(ctx context.Context, owner, id, runID string) error {
	if _, err := e.deps.Workflows.Head(ctx, owner, id); err != nil {
		return err
	}
	return e.cancel(ctx, id, runID)
}

func (e *Executor) cancel(ctx context.Context, id, runID string) error {
	if err := e.deps.Runs.RequestCancel(ctx, id, runID); err != nil {
		return err
	}
	if !e.CancelRequested(runID) && e.deps.CancelElsewhere != nil {
		e.deps.CancelElsewhere(runID)
	}
	return nil
}

// CancelRequested ends a run whose cancellation is stored. It reports whether this
// server executes the run.
func (e *Executor) CancelRequested(runID string) bool {
	s := e.session(runID)
	if s != nil {
		s.cancel(endCancelled)
	}
	return s != nil
}

// SessionLost ends the runs of a session of this server that is over.
func (e *Executor) SessionLost(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.active {
		if s.run.Lease == id {
			s.cancel(endLost)
		}
	}
}
