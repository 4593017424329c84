package applier

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/kubeorch/core/pkg/kubernetes"
)

const (
	attempts   = 5
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

// retry repeats f while its failure may pass: conflicts, a busy cluster, a
// broken connection. Answers that do not come in time are not waited for
// again. ctx bounds it, too.
func retry(ctx context.Context, f func() error) error {
	pause := firstPause
	for n := 1; ; n++ {
		err := f()
		r := kubernetes.ReasonOf(err)
		if err == nil || !r.Retryable() || r == kubernetes.Timeout || n == attempts {
			return err
		}
		if !sleep(ctx, pause/2+rand.N(pause)) { //nolint:gosec // jitter needs no secrecy
			return err
		}
		pause = min(2*pause, lastPause)
	}
}

// wave remembers that the cluster is out of reach, so that what has not begun
// need not find out by itself.
type wave struct {
	mu   sync.Mutex
	down error
}

// guard runs f unless the cluster is down or ctx has ended.
func (w *wave) guard(ctx context.Context, ref Ref, f func() Change) Change {
	if err := ctx.Err(); err != nil {
		return failed(ref, err)
	}
	w.mu.Lock()
	down := w.down
	w.mu.Unlock()
	if down != nil {
		return failed(ref, down)
	}
	c := f()
	if c.Err != nil {
		w.note(ctx, c.Err)
	}
	return c
}

func (w *wave) note(ctx context.Context, err error) {
	switch e := kubernetes.Translate(err); e.Reason {
	case kubernetes.Unreachable, kubernetes.Timeout, kubernetes.TLS, kubernetes.Unauthorized,
		kubernetes.NotKubernetes, kubernetes.NotAllowed:
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.down == nil && ctx.Err() == nil {
			w.down = e
		}
	default:
	}
}
