package run

import (
	"context"
	"errors"
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
	renewing, quit := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(renewing)
		e.keepLease(ctx, s, quit)
	}()
	// People wait for a run: a cluster that was out of reach is tried at once.
	err := recovered(func() error { return work(kubernetes.ProbeEarly(ctx), s) })
	close(quit)
	<-renewing
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

// keepLease renews the lease of s until quit is closed. It ends the run when
// the lease is lost, when somebody has cancelled the run, and when its owner has
// lost the cluster.
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
		e.recheckAccess(ctx, s)
	}
}

func (e *Executor) renew(ctx context.Context, s *session) (cancelled bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.opts.Lease/3)
	defer cancel()
	return e.deps.Runs.Renew(ctx, s.run.ID, e.lease, e.now().Add(e.opts.Lease))
}
