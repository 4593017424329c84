package run

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func (r *rig) rollBack(id string, version int) (models.Run, error) {
	return r.exec.Rollback(r.t.Context(), ann, id, models.RollbackRequest{Version: version})
}

func TestRollbackToAnyVersion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("pw:secret old:deployment")
	_, err := r.exec.Run(t.Context(), ann, w.ID, typedSecret("pw", "password", "abcdef"))
	require.NoError(t, err)
	r.save(w.ID, "pw:secret new:deployment")
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)

	run, err := r.rollBack(w.ID, 1)
	require.NoError(t, err)
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	require.Equal(t, []any{models.TriggeredByRollback, 1, 3}, []any{run.TriggeredBy, run.RestoredFrom, run.Version})
	require.Equal(t, map[string]string{"pw": "completed", "old": "completed"}, states(run), "typed values stay")
	require.Equal(t, "Deployment old, Secret pw", r.cluster.names())
	drawn, err := r.workflows.Get(t.Context(), ann, w.ID)
	require.NoError(t, err)
	require.Equal(t, []any{"old", 3, 3, 3}, []any{drawn.Nodes[1].ID, drawn.CurrentVersion, drawn.RunCount, drawn.SuccessCount})
	v, err := r.versions.Get(t.Context(), w.ID, 3)
	require.NoError(t, err)
	require.Equal(t, []any{1, "Rolled back to version 1", run.ID, models.RunCompleted},
		[]any{v.RestoredFrom, v.Description, v.RunID, v.RunStatus})
	require.Equal(t, "old", v.Nodes[1].ID)
}

func TestRollbackIsRefusedAndTheDrawingStays(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		version int
		before  func(r *rig, w models.Workflow)
		kind    models.Kind
		text    string
	}{
		"an unknown version": {version: 9, kind: models.NotFound, text: "version not found"},
		"a workflow that is a draft": {version: 1, kind: models.Invalid, text: "publish it", before: func(r *rig, w models.Workflow) {
			draft := models.WorkflowDraft
			_, err := r.workflows.Update(r.t.Context(), ann, w.ID, models.WorkflowPatch{Status: &draft}, models.Now())
			require.NoError(r.t, err)
		}},
		"a cluster that is gone": {version: 1, kind: models.Conflict, text: `version 1 cannot be applied: the cluster "dev"`, before: func(r *rig, _ models.Workflow) {
			r.access = func() (models.ClusterGrant, error) { return models.ClusterGrant{}, noClusterHere() }
		}},
		"namespaces that are not shared": {version: 1, kind: models.Forbidden, text: "in certain namespaces", before: func(r *rig, _ models.Workflow) {
			r.access = func() (models.ClusterGrant, error) { return member("elsewhere"), nil }
		}},
		"while a run goes on": {version: 1, kind: models.Conflict, text: "already in progress", before: func(r *rig, w models.Workflow) {
			run := r.exec.newRun(w, models.RunDeploy)
			run.Lease = "of somebody"
			require.NoError(r.t, r.runs.Begin(r.t.Context(), run))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			w := r.draw("old:deployment")
			require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
			r.save(w.ID, "new:deployment")
			if tc.before != nil {
				tc.before(r, w)
			}
			_, err := r.rollBack(w.ID, tc.version)
			require.Equal(t, tc.kind, models.KindOf(err), "%v", err)
			require.Contains(t, models.MessageOf(err), tc.text)
			drawn, err := r.workflows.ByID(t.Context(), w.ID)
			require.NoError(t, err)
			require.Equal(t, "new", drawn.Nodes[0].ID)
			require.Equal(t, "Deployment old", r.cluster.names())
		})
	}
	r := newRig(t)
	_, err := r.exec.Rollback(t.Context(), bob, r.draw("a:deployment").ID, models.RollbackRequest{Version: 1})
	require.Equal(t, models.NotFound, models.KindOf(err), "somebody else's workflow")
}

// deafVersions are those of a process that dies when it takes a snapshot.
type deafVersions struct {
	versions

	dead *atomic.Bool
}

func (d deafVersions) Add(ctx context.Context, v models.Version) (models.Version, error) {
	d.dead.Store(true)
	<-ctx.Done()
	return v, errors.New("dead")
}

// The server dies before the drawing is that of the version.
func TestRollbackOfAKilledProcessIsFinished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("old:deployment")
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
	r.save(w.ID, "new:deployment")
	store := &mortal{Runs: r.runs}
	first := r.executor(store, quick)
	first.deps.Versions = deafVersions{r.versions, &store.dead}
	run, err := first.Rollback(t.Context(), ann, w.ID, models.RollbackRequest{Version: 1})
	require.NoError(t, err)
	require.Eventually(t, store.dead.Load, 10*time.Second, time.Millisecond)
	r.servers.end(first)
	r.recover(r.executor(r.runs, quick))
	done := r.eventually(w.ID, run.ID)
	require.Equal(t, models.RunCompleted, done.Status, done.Error)
	require.Equal(t, "Deployment old", r.cluster.names())
	drawn, err := r.workflows.ByID(t.Context(), w.ID)
	require.NoError(t, err)
	require.Equal(t, "old", drawn.Nodes[0].ID)
}
