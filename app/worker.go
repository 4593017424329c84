package app

import (
	"context"
	"errors"

	"github.com/kubeorch/core/pkg/panics"
)

// worker runs one background part from start to stop. Its zero value has not
// been started.
type worker struct {
	run    func(context.Context) error
	cancel context.CancelFunc
	done   chan struct{} // closed when run has returned
	err    error         // what it returned; read after done
}

// start runs the worker until stop; the end of ctx does not stop it, since the
// order of stopping matters. After a panic the worker is not alive.
func (w *worker) start(ctx context.Context) {
	ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	w.done = make(chan struct{})
	go func() {
		defer close(w.done)
		w.err = panics.ToError(func() error { return w.run(ctx) })
	}()
}

func (w *worker) stop(ctx context.Context) error {
	if w.cancel == nil {
		return nil
	}
	w.cancel()
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// alive fails when the worker has ended.
func (w *worker) alive(context.Context) error {
	select {
	case <-w.done:
		return errors.Join(errors.New("the worker has ended"), w.err)
	default:
		return nil
	}
}
