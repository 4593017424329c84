package run

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// silent is a cluster of which nothing is heard before the end of the context.
func silent(asked chan<- struct{}) func(context.Context, models.ClusterGrant, string) (planTarget, error) {
	return func(ctx context.Context, _ models.ClusterGrant, _ string) (planTarget, error) {
		asked <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
}

func TestPlansAtTheSameTimeAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("a:configmap")
	asked := make(chan struct{})
	r.exec.planTarget = silent(asked)
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error)
	for range r.exec.opts.AccountPlans {
		go func() {
			_, err := r.exec.Plan(ctx, ann, w.ID, models.TriggerData{}, models.RunOptions{})
			ended <- err
		}()
		<-asked
	}
	_, err := r.exec.Plan(t.Context(), ann, w.ID, models.TriggerData{}, models.RunOptions{})
	require.Equal(t, models.TooMany, models.KindOf(err))
	_, err = r.exec.Plan(t.Context(), bob, w.ID, models.TriggerData{}, models.RunOptions{})
	require.Equal(t, models.NotFound, models.KindOf(err), "others have places of their own")
	leave()
	for range r.exec.opts.AccountPlans {
		require.Error(t, <-ended)
	}
	r.exec.planTarget = func(context.Context, models.ClusterGrant, string) (planTarget, error) {
		return nil, errors.New("asked")
	}
	_, err = r.exec.Plan(t.Context(), ann, w.ID, models.TriggerData{}, models.RunOptions{})
	require.Equal(t, models.Unavailable, models.KindOf(err), "the places were given back")
}

func TestPlanEndsBeforeItsCallerGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := NewExecutor(Deps{}, DefaultOptions())
		ctx, cancel := context.WithTimeout(t.Context(), e.opts.PlanDeadline)
		defer cancel()
		<-ctx.Done()
		err := e.planFailure(ctx, ctx.Err())
		require.Equal(t, models.Unavailable, models.KindOf(err))
		require.Contains(t, models.MessageOf(err), "20s")
	})
}
