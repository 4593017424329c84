package run

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/panics"
)

// work is what a run does. It returns when ctx ends.
type work func(ctx context.Context, s *session) error

// launch works on s in the background until the run has ended or another process
// has taken it over.
func (e *Executor) launch(ctx context.Context, s *session, work work) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopping {
		return errStopping()
	}
	// The run outlives the request that started it.
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
	quit := make(chan struct{})
	var beside sync.WaitGroup
	beside.Go(func() { e.follow(ctx, s, quit) })
	beside.Go(func() { e.report(ctx, s, quit) })
	// People wait for a run: a cluster that was out of reach is tried at once.
	err := recovered(func() error { return work(e.underLease(kubernetes.ProbeEarly(ctx), s), s) })
	close(quit)
	beside.Wait()
	e.settle(ctx, s, err)
}

// recovered calls work and returns its panic as an error, so that a fault in one
// run leaves the others alone.
func recovered(work func() error) error {
	err := panics.ToError(work)
	if _, panicked := errors.AsType[*panics.Error](err); panicked {
		return &models.Error{Op: "run.Executor.drive", Msg: "the run broke off because of a fault in the server", Err: err}
	}
	return err
}

// follow looks again and again at what others did with the run of s, until quit is
// closed: it ends the run when somebody has cancelled it or it belongs to another
// server, and when its owner has lost the cluster.
func (e *Executor) follow(ctx context.Context, s *session, quit <-chan struct{}) {
	tick := time.NewTicker(e.opts.Recheck)
	defer tick.Stop()
	for {
		select {
		case <-quit:
			return
		case <-tick.C:
		}
		cancelled, err := e.isCancelled(ctx, s)
		switch {
		case models.KindOf(err) == models.Conflict, e.deps.Server.ID() != s.run.Lease:
			e.deps.Log.WarnContext(ctx, "lost a run", "run", s.run.ID, "err", err)
			s.cancel(endLost)
			return
		case err == nil && cancelled:
			s.cancel(endCancelled)
		}
		e.recheckAccess(ctx, s)
	}
}

func (e *Executor) isCancelled(ctx context.Context, s *session) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.opts.Recheck)
	defer cancel()
	return e.deps.Runs.Cancelled(ctx, s.run.ID, s.run.Lease)
}

// validPoll is the pause between two looks whether a session is valid again.
const validPoll = 100 * time.Millisecond

// underLease returns a context whose requests to the cluster are sent only while no
// other server can have the run. A process that was frozen writes nothing then,
// although it does not know yet what happened meanwhile. While the database is away,
// requests wait.
func (e *Executor) underLease(ctx context.Context, s *session) context.Context {
	return kubernetes.WithPermit(ctx, func(ctx context.Context) error {
		for !e.deps.Server.Valid(s.run.Lease) {
			if e.deps.Server.ID() != s.run.Lease {
				s.cancel(endLost)
				return endLost
			}
			select {
			case <-time.After(validPoll):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
}
