package applier

import (
	"context"
	"strings"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// Try is Apply without effect: the API server judges the objects, and so does
// the check of their owners. An object is Skipped whose namespace does not exist
// yet, or whose predecessor is being deleted: the API server cannot judge those.
func (a *Applier) Try(ctx context.Context, reqs []Request) []Change {
	dry := *a
	dry.opts.DryRun = true
	changes := dry.Apply(ctx, reqs, nil)
	for i := range changes {
		if c := &changes[i]; c.Action == Failed && tooEarly(c.Err) {
			c.Action, c.Err = Skipped, nil
		}
	}
	return changes
}

func tooEarly(err error) bool {
	switch kubernetes.ReasonOf(err) {
	case kubernetes.NotFound:
		return strings.Contains(err.Error(), "namespaces ")
	case kubernetes.Exists:
		return strings.HasSuffix(err.Error(), beingDeleted)
	default:
		return false
	}
}
