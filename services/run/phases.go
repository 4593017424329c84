package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kubeorch/core/models"
)

// carryOut does the work of a run, from the phase on in which it is: its version is
// applied, then waited for, and on failure the last healthy version is applied where
// the run asks for that.
func (e *Executor) carryOut(ctx context.Context, s *session) error {
	if s.phase.Phase == models.PhaseRollback {
		return e.rollBack(ctx, s, failure(s.phase.Failure))
	}
	err := recovered(func() error { return e.forward(ctx, s) })
	if err != nil {
		e.recheckAccess(ctx, s) // a lost cluster may be why it failed
	}
	if err == nil || ctx.Err() != nil || !s.rollbackDue() {
		return err
	}
	return e.rollBack(ctx, s, err)
}

// forward applies the version of a run and waits for it. A run that may have to be
// rolled back leaves time for that.
func (e *Executor) forward(ctx context.Context, s *session) error {
	until := s.run.Deadline
	if s.run.FailurePolicy == models.PolicyRollback {
		until = until.Add(-e.opts.Deadline)
	}
	all := ctx
	ctx, stop := context.WithDeadline(ctx, until)
	defer stop()
	var err error
	if s.phase.Phase == models.PhaseApply {
		if err = e.deploy(ctx, s); err != nil {
			err = errors.Join(err, e.keepApplied(ctx, s))
		}
	}
	if err == nil && s.run.WaitSeconds > 0 {
		err = e.awaitHealth(ctx, s)
	}
	if ctx.Err() != nil && all.Err() == nil {
		return failure(fmt.Sprintf("%s, %v", endDeadline, until.Sub(s.run.StartedAt)))
	}
	return err
}

// deadline returns when a run that starts at now has to be over.
func (e *Executor) deadline(now time.Time, o models.RunOptions) time.Time {
	at := now.Add(e.opts.Deadline).Add(o.WaitTime())
	if o.FailurePolicy == models.PolicyRollback {
		at = at.Add(e.opts.Deadline)
	}
	return at
}

// enter stores the phase of a run before anything is done in it, so that a server
// that takes the run over goes on there.
func (e *Executor) enter(ctx context.Context, s *session, phase models.RunPhase) error {
	s.mu.Lock()
	s.phase = phase
	s.mu.Unlock()
	return whileAway(ctx, func() error { return e.record(ctx, s) })
}

// stopsAtFailure reports whether nothing further is applied once a node has failed.
func (s *session) stopsAtFailure() bool {
	return s.run.FailurePolicy == models.PolicyStop || s.run.FailurePolicy == models.PolicyRollback
}

// rollbackDue reports whether a run that failed is rolled back. One that touched
// nothing is not.
func (s *session) rollbackDue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run.FailurePolicy == models.PolicyRollback && (len(s.touched) > 0 || s.recovered != nil)
}

// endedBy returns the reason why a run ended early, and what it was about.
func (s *session) endedBy(reason string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.phase.Phase {
	case models.PhaseWait:
		return reason + "; everything had been applied"
	case models.PhaseRollback:
		return fmt.Sprintf("%s while it was rolled back to version %d, because it had failed: %s", reason, s.phase.RolledBackTo, s.phase.Failure)
	default:
		return reason
	}
}
