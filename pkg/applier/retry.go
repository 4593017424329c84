package applier

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// retry calls f up to five times while its failure may pass: conflicts, a busy
// cluster, a broken connection. A time-out is final, since waiting for another
// one would take too long. retry ends with ctx and returns the last failure.
func retry(ctx context.Context, f func() error) error {
	var err error
	backoff := wait.Backoff{Duration: 50 * time.Millisecond, Factor: 2, Jitter: 2, Steps: 5}
	ended := wait.ExponentialBackoffWithContext(ctx, backoff, func(context.Context) (bool, error) {
		err = f()
		reason := kubernetes.ReasonOf(err)
		return err == nil || !reason.Retryable() || reason == kubernetes.Timeout, nil
	})
	if err == nil && ended != nil {
		return ended // before the first call
	}
	return err
}
