package run

import (
	"context"
	"errors"
	"slices"
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

// inventory returns the objects that the workflow of a run has in clusters. It reads
// them once: only the run changes them.
func (e *Executor) inventory(ctx context.Context, s *session) ([]models.OwnedObject, error) {
	s = s.whole()
	s.mu.Lock()
	known := s.inventory
	s.mu.Unlock()
	if known != nil {
		return slices.Clone(known), nil
	}
	found, err := askWhileAway(ctx, func() ([]models.OwnedObject, error) { return e.deps.Workflows.Inventory(ctx, s.run.WorkflowID) })
	if err == nil {
		s.keepInventory(found)
	}
	return found, err
}

func (e *Executor) setInventory(ctx context.Context, s *session, objects []models.OwnedObject) error {
	err := whileAway(ctx, func() error { return e.deps.Workflows.SetInventory(ctx, s.run.WorkflowID, objects) })
	if err == nil {
		s.whole().keepInventory(objects)
	}
	return err
}

// whole returns the session of the run that s is part of.
func (s *session) whole() *session {
	if s.parent != nil {
		return s.parent
	}
	return s
}

func (s *session) keepInventory(objects []models.OwnedObject) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inventory = append([]models.OwnedObject{}, objects...)
}

// askWhileAway is whileAway for reads.
func askWhileAway[T any](ctx context.Context, ask func() (T, error)) (answer T, err error) {
	err = whileAway(ctx, func() error {
		answer, err = ask()
		return err
	})
	return answer, err
}
