package run

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
)

func TestCorrectionAppliesNodesAsTheyWereApplied(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := &ledger{}
	r.exec.deps.Notifier, r.exec.deps.Audit = l, l
	w := r.draw("conf:configmap web:deployment api:deployment conf>web")
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
	r.save(w.ID, "web=other:deployment") // never run
	drifted := func(name string) {
		ref := applier.Ref{Name: name, Namespace: "default"}
		ref.Group, ref.Kind = "apps", "Deployment"
		r.cluster.mu.Lock()
		defer r.cluster.mu.Unlock()
		r.cluster.objects[keyOf(ref)].text = "somebody's"
	}
	drifted("web")
	drifted("api")

	run, err := r.exec.Correct(t.Context(), w.ID, []string{"web", "web", "unknown"})
	require.NoError(t, err)
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	require.Equal(t, []any{models.TriggeredByDrift, 1, ann}, []any{run.TriggeredBy, run.Version, run.TriggerData.UserID})
	require.Equal(t, map[string]string{"web": "completed"}, states(run))
	require.Equal(t, "configured", run.NodeStates["web"].Result[0].Action)
	require.Equal(t, "ConfigMap conf, Deployment api, Deployment web", r.cluster.names(), "nothing is pruned")

	stored, err := r.workflows.ByID(t.Context(), w.ID)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 0, 1}, []int{stored.RunCount, stored.SuccessCount, stored.FailureCount, stored.CurrentVersion})
	require.Len(t, l.told, 1, "the run alone")
	require.Len(t, l.entries, 2)
	require.Equal(t, models.RunCorrect, l.entries[1].Details["kind"])
	inventory, err := r.workflows.Inventory(t.Context(), w.ID)
	require.NoError(t, err)
	require.Len(t, inventory, 3)
	for _, o := range inventory {
		require.Equal(t, 1, o.Applied.Version, o.Name)
	}
	deployed, err := r.runs.Deployed(t.Context(), w.ID, run.ClusterRef)
	require.NoError(t, err)
	require.Len(t, deployed, 1, "nobody goes back to a correction")
}

func TestCorrectionIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment")
	_, err := r.exec.Correct(t.Context(), w.ID, []string{"web"})
	require.Equal(t, models.Conflict, models.KindOf(err), "it was never applied")
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
	_, err = r.exec.Correct(t.Context(), w.ID, []string{"other"})
	require.Equal(t, models.Conflict, models.KindOf(err))
	_, err = r.exec.Correct(t.Context(), models.NewID(), []string{"web"})
	require.Equal(t, models.NotFound, models.KindOf(err))

	begun := r.exec.newRun(w, models.RunDeploy)
	begun.Lease = "of somebody"
	require.NoError(t, r.runs.Begin(t.Context(), begun))
	_, err = r.exec.Correct(t.Context(), w.ID, []string{"web"})
	require.Equal(t, models.Conflict, models.KindOf(err), "a run goes on")
	require.NoError(t, r.runs.Finish(t.Context(), begun.ID, begun.Lease, models.RunResult{Status: models.RunFailed, CompletedAt: models.Now()}))

	r.access = func() (models.ClusterGrant, error) { return member("elsewhere"), nil }
	_, err = r.exec.Correct(t.Context(), w.ID, []string{"web"})
	require.Equal(t, models.Forbidden, models.KindOf(err), "the owner may not deploy there any more")
	r.access = nil
	archived := models.WorkflowArchived
	_, err = r.workflows.Update(t.Context(), ann, w.ID, models.WorkflowPatch{Status: &archived}, models.Now())
	require.NoError(t, err)
	_, err = r.exec.Correct(t.Context(), w.ID, []string{"web"})
	require.Equal(t, models.Conflict, models.KindOf(err), "it is archived")
}

func TestCorrectionOfAKilledProcessIsFinished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment api:deployment")
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
	store := &mortal{Runs: r.runs}
	first := r.executor(store, quick)
	blocked := make(chan struct{}, 1)
	r.cluster.apply = func(ctx context.Context, name string) error {
		if name == "web" {
			select {
			case blocked <- struct{}{}:
				<-ctx.Done()
			default:
			}
		}
		return ctx.Err()
	}
	run, err := first.Correct(t.Context(), w.ID, []string{"web"})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(blocked) == 1 }, 10*time.Second, time.Millisecond)
	store.dead.Store(true)
	r.servers.end(first)
	r.recover(r.executor(r.runs, quick))
	done := r.eventually(w.ID, run.ID)
	require.Equal(t, models.RunCompleted, done.Status, done.Error)
	require.Equal(t, map[string]string{"web": "completed"}, states(done))
}

// A run that failed half-way knows what it left, so that this is no drift.
func TestWhatAFailedRunLeftIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("a:configmap b:configmap c:deployment a>c")
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
	r.cluster.apply = func(ctx context.Context, name string) error {
		if name == "a" {
			return errors.New("no quota")
		}
		return ctx.Err()
	}
	require.Equal(t, models.RunFailed, r.mustRun(w.ID, models.TriggerData{}).Status)
	inventory, err := r.workflows.Inventory(t.Context(), w.ID)
	require.NoError(t, err)
	versions := map[string]int{}
	for _, o := range inventory {
		if o.Name != "c-env" { // nothing was typed
			versions[o.Name] = o.Applied.Version
		}
	}
	require.Equal(t, map[string]int{"a": 1, "b": 2, "c": 1}, versions)
	r.cluster.apply = nil
	run, err := r.exec.Correct(t.Context(), w.ID, []string{"a", "b"})
	require.NoError(t, err)
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	inventory, err = r.workflows.Inventory(t.Context(), w.ID)
	require.NoError(t, err)
	for _, o := range inventory {
		require.Equal(t, versions[o.Name], o.Applied.Version, "each node stays at its version")
	}
}
