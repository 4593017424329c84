package run

import (
	"context"
	"slices"
	"time"

	"github.com/kubeorch/core/models"
)

// keyTime is how long the same idempotency key means the same request.
const keyTime = 24 * time.Hour

// scopedKey is key as it is stored: accounts do not share keys.
func scopedKey(userID string, key models.IdempotencyKey) string {
	if key == "" {
		return ""
	}
	return userID + " " + string(key)
}

// repeated returns the run that an earlier request with the key of run began, as Start
// would return it now. It is a Mismatch when that request asked for something else.
// Values that were typed are not compared, because nothing is stored of them; their
// names are.
func (e *Executor) repeated(ctx context.Context, run models.Run) (earlier models.Run, found bool, err error) {
	if run.IdempotencyKey == "" {
		return earlier, false, nil
	}
	earlier, err = e.deps.Runs.WithKey(ctx, run.WorkflowID, run.IdempotencyKey)
	if err != nil && models.KindOf(err) == models.NotFound {
		return earlier, false, nil
	}
	switch {
	case err != nil:
		return earlier, false, err
	case run.StartedAt.Sub(earlier.StartedAt) > keyTime:
		return earlier, false, e.deps.Runs.ForgetKey(ctx, earlier.ID)
	case !sameRequest(run, earlier):
		return earlier, true, &models.Error{
			Op: "run.Executor.repeated", Kind: models.Mismatch, Extra: map[string]string{"run_id": earlier.ID},
			Msg: "the header Idempotency-Key was sent before with another request; use a new key for a new request",
		}
	}
	if s := e.session(earlier.ID); s != nil {
		earlier, err = e.await(ctx, s, e.opts.AnswerAfter)
	}
	return earlier, true, err
}

// sameRequest reports whether two runs were asked for in the same way.
func sameRequest(a, b models.Run) bool {
	return a.RestoredFrom == b.RestoredFrom && a.FailurePolicy == b.FailurePolicy && a.WaitSeconds == b.WaitSeconds && slices.Equal(a.Replace, b.Replace) &&
		slices.EqualFunc(a.TriggerData.Typed, b.TriggerData.Typed, func(x, y models.TypedKeys) bool {
			return x.NodeID == y.NodeID && slices.Equal(x.Keys, y.Keys)
		})
}
