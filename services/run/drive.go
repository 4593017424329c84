package run

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

// work is what a run does. It returns when ctx ends.
type work func(ctx context.Context, s *session) error

// launch works on s in the background until it has ended, or until it belongs
// to another process.
func (e *Executor) launch(ctx context.Context, s *session, work work) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopping {
		return errStopping()
	}
	// Whoever asked may leave; the run has an end of its own.
	ctx, s.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	e.active[s.run.ID] = s
	e.working.Go(func() {
		defer s.cancel(nil)
		defer e.forget(s)
		e.drive(ctx, s, work)
	})
	return nil
}

func (e *Executor) forget(s *session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.active, s.run.ID)
	close(s.done)
}

func (e *Executor) drive(ctx context.Context, s *session, work work) {
	ctx, stop := context.WithDeadlineCause(ctx, s.run.Deadline, endDeadline)
	defer stop()
	beating, quit := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(beating)
		e.keepLease(ctx, s, quit)
	}()
	// Somebody waits for this: a cluster that was away is tried at once.
	err := protect(func() error { return work(kubernetes.ProbeEarly(ctx), s) })
	close(quit)
	<-beating
	e.settle(ctx, s, err)
}

// protect turns a panic of work into an error: one drawing must not end the
// runs of everybody.
func protect(work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &models.Error{
				Op: "run.Executor.drive", Msg: "the run broke off because of a fault in the server",
				Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack()),
			}
		}
	}()
	return work()
}

// keepLease renews the lease of s until quit is closed. It ends the run when
// the lease is gone or somebody wants it to end.
func (e *Executor) keepLease(ctx context.Context, s *session, quit <-chan struct{}) {
	tick := time.NewTicker(e.opts.Lease / 3)
	defer tick.Stop()
	held := time.Now().Add(e.opts.Lease)
	for {
		select {
		case <-quit:
			return
		case <-tick.C:
		}
		begun := time.Now()
		cancelled, err := e.renew(ctx, s)
		switch {
		case err == nil:
			held = begun.Add(e.opts.Lease)
		case models.KindOf(err) == models.Conflict, time.Now().After(held):
			e.deps.Log.WarnContext(ctx, "lost a run", "run", s.run.ID, "err", err)
			s.cancel(endLost)
			return
		}
		if cancelled {
			s.cancel(endCancelled)
		}
		e.lookAgain(ctx, s)
	}
}

func (e *Executor) renew(ctx context.Context, s *session) (cancelled bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.opts.Lease/3)
	defer cancel()
	return e.deps.Runs.Renew(ctx, s.run.ID, e.lease, e.now().Add(e.opts.Lease))
}

// settle stores how a run ended, unless it goes on in another process. It has
// a context of its own because that of the run may be why it ended.
func (e *Executor) settle(ctx context.Context, s *session, err error) {
	end, _ := errors.AsType[ending](context.Cause(ctx))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.opts.Lease*2/3)
	defer cancel()
	switch {
	case end == endLost:
		return
	case err == nil:
		e.finish(ctx, s, models.RunCompleted, "")
	case end == endHandover:
		e.handOver(ctx, s)
	case end == endCancelled:
		e.finish(ctx, s, models.RunCancelled, end.Error())
	case end == endAccess, end == endNarrowed:
		e.finish(ctx, s, models.RunFailed, end.Error())
	case end == endDeadline:
		e.finish(ctx, s, models.RunFailed, fmt.Sprintf("%s, %v", end, e.opts.Deadline))
	default:
		if models.KindOf(err) == models.Internal {
			e.deps.Log.WarnContext(ctx, "run failed", "run", s.run.ID, "workflow", s.run.WorkflowID, "err", s.clean(err.Error()))
		}
		e.finish(ctx, s, models.RunFailed, s.clean(models.MessageOf(err)))
	}
}

// failure is a failure of a run whose text is for people.
type failure string

// Error returns the text.
func (e failure) Error() string { return string(e) }

// UserMessage returns the text.
func (e failure) UserMessage() string { return string(e) }

func (e *Executor) handOver(ctx context.Context, s *session) {
	s.logf("%s; the run goes on when it is back", endHandover)
	err := e.deps.Runs.Record(ctx, s.run.ID, e.lease, s.progress())
	err = errors.Join(err, e.deps.Runs.Release(ctx, s.run.ID, e.lease))
	e.deps.Log.InfoContext(ctx, "handed a run over", "run", s.run.ID, "err", err)
}

func (e *Executor) finish(ctx context.Context, s *session, status, message string) {
	if message == "" {
		s.logf("run %s", status)
	} else {
		s.logf("run %s: %s", status, message)
	}
	if err := e.store(ctx, s.run.ID, s.end(status, message)); err != nil {
		// Another process will find the run without a lease and finish it.
		e.deps.Log.ErrorContext(ctx, "a finished run could not be stored", "run", s.run.ID, "err", err)
		return
	}
	if s.run.Action == models.RunDeploy {
		if err := e.count(ctx, s, status); err != nil {
			e.deps.Log.ErrorContext(ctx, "a run could not be counted", "run", s.run.ID, "err", err)
		}
	}
	e.recordEnd(ctx, s, status)
	e.deps.Watch(s.run.WorkflowID)
	e.deps.Log.InfoContext(ctx, "run ended", "run", s.run.ID, "workflow", s.run.WorkflowID, "status", status)
}

// count adds the result of a run to its workflow and to its version.
func (e *Executor) count(ctx context.Context, s *session, status string) error {
	var group errgroup.Group
	group.Go(func() error {
		return e.deps.Workflows.CountResult(ctx, s.run.WorkflowID, status == models.RunCompleted)
	})
	if version := s.snapshot().Version; version > 0 {
		group.Go(func() error {
			return e.deps.Versions.SetRunStatus(ctx, s.run.WorkflowID, version, versionStatus(status))
		})
	}
	return group.Wait()
}

// versionStatus maps to the fewer states that a version can have.
func versionStatus(run string) string {
	if run == models.RunCompleted {
		return run
	}
	return models.RunFailed
}

// store stores a result and tries again while the database does not answer.
func (e *Executor) store(ctx context.Context, runID string, res models.RunResult) error {
	const pause = 200 * time.Millisecond
	for {
		err := e.deps.Runs.Finish(ctx, runID, e.lease, res)
		if err == nil || models.KindOf(err) != models.Unavailable {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}
