package run

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func TestRequestWithTheSameKeyBeginsOneRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("pw:secret web:deployment")
	ask := func(key models.IdempotencyKey, typed models.TriggerData, o models.RunOptions) (models.Run, error) {
		return r.exec.Start(t.Context(), ann, w.ID, models.RunRequest{Key: key, TriggerData: typed, RunOptions: o})
	}
	typed := typedSecret("pw", "password", "abcdef")
	first, err := ask("k", typed, models.RunOptions{})
	require.NoError(t, err)
	again, err := ask("k", typed, models.RunOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{first.ID, models.RunCompleted}, []string{again.ID, again.Status})
	require.NotContains(t, r.stored(), "abcdef")

	for name, other := range map[string]struct {
		typed models.TriggerData
		o     models.RunOptions
	}{
		"another policy": {typed, models.RunOptions{FailurePolicy: models.PolicyStop}},
		"a wait":         {typed, models.RunOptions{Wait: true}},
		"other values":   {typedSecret("pw", "other", "abcdef"), models.RunOptions{}},
		"no values":      {models.TriggerData{}, models.RunOptions{}},
	} {
		_, err := ask("k", other.typed, other.o)
		refused := &models.Error{}
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, models.Mismatch, refused.Kind, name)
		require.Contains(t, refused.Msg, "Idempotency-Key")
		require.Equal(t, map[string]string{"run_id": first.ID}, refused.Extra)
	}
	_, err = r.exec.Rollback(t.Context(), ann, w.ID, models.RollbackRequest{Version: 1, Key: "k"})
	require.Equal(t, models.Mismatch, models.KindOf(err), "a rollback is another request")
	undone, err := r.exec.Rollback(t.Context(), ann, w.ID, models.RollbackRequest{Version: 1, Key: "undo"})
	require.NoError(t, err)
	twice, err := r.exec.Rollback(t.Context(), ann, w.ID, models.RollbackRequest{Version: 1, Key: "undo"})
	require.NoError(t, err)
	require.Equal(t, undone.ID, twice.ID)

	another, err := ask("l", typed, models.RunOptions{})
	require.NoError(t, err)
	require.NotEqual(t, first.ID, another.ID)
	other := r.draw("web:deployment")
	elsewhere, err := r.exec.Start(t.Context(), ann, other.ID, models.RunRequest{Key: "k"})
	require.NoError(t, err)
	require.Equal(t, other.ID, elsewhere.WorkflowID, "workflows do not share keys")

	later := r.exec.now().Add(keyTime + time.Minute)
	r.exec.now = func() time.Time { return later }
	fresh, err := ask("k", models.TriggerData{}, models.RunOptions{})
	require.NoError(t, err)
	require.NotEqual(t, first.ID, fresh.ID, "the key is as good as new")
	same, err := ask("k", models.TriggerData{}, models.RunOptions{})
	require.NoError(t, err)
	require.Equal(t, fresh.ID, same.ID)
}

// A failed run is what its key answers with, until a new one is used.
func TestKeyOfAFailedRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment")
	r.cluster.apply = failing("web")
	ask := func(key models.IdempotencyKey) models.Run {
		run, err := r.exec.Start(t.Context(), ann, w.ID, models.RunRequest{Key: key})
		require.NoError(t, err)
		return run
	}
	first := ask("k")
	r.cluster.apply = nil
	again := ask("k")
	require.Equal(t, []string{first.ID, models.RunFailed, first.Error}, []string{again.ID, again.Status, again.Error})
	require.Equal(t, models.RunCompleted, ask("l").Status)
}

// Two servers get the same request at once.
func TestSameKeyAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment")
	r.cluster.apply = func(ctx context.Context, _ string) error {
		select {
		case <-time.After(20 * time.Millisecond): // so that they meet
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	executors := []*Executor{r.exec, r.executor(r.runs)}
	const requests = 12
	var all sync.WaitGroup
	ids := make([]string, requests)
	for i := range requests {
		all.Go(func() {
			run, err := executors[i%2].Start(t.Context(), ann, w.ID, models.RunRequest{Key: "k"})
			if err != nil {
				t.Errorf("request %d: %v", i, err)
			}
			ids[i] = run.ID
		})
	}
	all.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	runs, err := r.runs.List(t.Context(), w.ID, 10)
	require.NoError(t, err)
	require.Len(t, runs, 1)
}
