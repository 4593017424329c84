package applier

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/panics"
)

// forEach calls work with the index of each ref, for Options.Workers of them at
// once, and returns the Changes in the order of refs. done, unless nil, receives
// each Change, one call at a time. A panic of work or done fails its object only.
func (a *Applier) forEach(ctx context.Context, refs []Ref, work func(i int) Change, done func(int, Change)) []Change {
	changes := make([]Change, len(refs))
	attempt := func(i int, f func()) {
		if err := a.recovered(func() error { f(); return nil }); err != nil {
			changes[i] = failed(refs[i], err)
		}
	}
	var down outage
	var reporting sync.Mutex
	var group errgroup.Group
	group.SetLimit(max(1, a.opts.Workers))
	for i, ref := range refs {
		group.Go(func() error {
			attempt(i, func() { changes[i] = down.unless(ctx, ref, func() Change { return work(i) }) })
			if done != nil {
				reporting.Lock()
				defer reporting.Unlock()
				attempt(i, func() { done(i, changes[i]) })
			}
			return nil
		})
	}
	_ = group.Wait() // failures are in the changes
	return changes
}

// recovered calls f. It reports a panic to Options.OnPanic and returns it as an
// error with a neutral text.
func (a *Applier) recovered(f func() error) error {
	err := panics.ToError(f)
	if _, panicked := errors.AsType[*panics.Error](err); !panicked {
		return err
	}
	if a.opts.OnPanic != nil {
		a.opts.OnPanic(err)
	}
	return &kubernetes.Error{Reason: kubernetes.Other, Message: "a fault in the server broke this off", Err: err}
}

// outage remembers that the cluster is out of reach, so that the remaining
// objects fail without waiting for their own time-outs.
type outage struct {
	mu    sync.Mutex
	cause error
}

// unless calls work, or fails the object when the cluster is out of reach or
// ctx has ended.
func (o *outage) unless(ctx context.Context, ref Ref, work func() Change) Change {
	if err := ctx.Err(); err != nil {
		return failed(ref, err)
	}
	o.mu.Lock()
	cause := o.cause
	o.mu.Unlock()
	if cause != nil {
		return failed(ref, cause)
	}
	c := work()
	if c.Err != nil {
		o.record(ctx, c.Err)
	}
	return c
}

func (o *outage) record(ctx context.Context, err error) {
	if !IsOutage(err) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cause == nil && ctx.Err() == nil {
		o.cause = kubernetes.Translate(err)
	}
}

// IsOutage reports whether a request failed for a reason that fails every other one to
// the same cluster, too.
func IsOutage(err error) bool {
	switch kubernetes.ReasonOf(err) {
	case kubernetes.Unreachable, kubernetes.Timeout, kubernetes.TLS, kubernetes.Unauthorized,
		kubernetes.NotKubernetes, kubernetes.NotAllowed:
		return true
	default:
		return false
	}
}
