package run

import (
	"context"
	"errors"
	"time"

	"github.com/kubeorch/core/models"
)

// awayPause is between attempts to reach the database, each of which waits for it.
const awayPause = 200 * time.Millisecond

// whileAway calls do again as long as the database is away and ctx lives: a run
// outlasts a failover. A write may have been done by a call that failed, so it has
// to be one that can be repeated.
func whileAway(ctx context.Context, do func() error) error {
	for {
		err := do()
		if e, ok := errors.AsType[*models.Error](err); !ok || e.Kind != models.Unavailable || e.RetryAfter == 0 {
			return err
		}
		select {
		case <-time.After(awayPause):
		case <-ctx.Done():
			return err
		}
	}
}

// inventory returns the objects that the workflow of a run has in clusters.
func (e *Executor) inventory(ctx context.Context, s *session) ([]models.OwnedObject, error) {
	return askWhileAway(ctx, func() ([]models.OwnedObject, error) { return e.deps.Workflows.Inventory(ctx, s.run.WorkflowID) })
}

func (e *Executor) setInventory(ctx context.Context, s *session, objects []models.OwnedObject) error {
	return whileAway(ctx, func() error { return e.deps.Workflows.SetInventory(ctx, s.run.WorkflowID, objects) })
}

// askWhileAway is whileAway for reads.
func askWhileAway[T any](ctx context.Context, ask func() (T, error)) (answer T, err error) {
	err = whileAway(ctx, func() error {
		answer, err = ask()
		return err
	})
	return answer, err
}
