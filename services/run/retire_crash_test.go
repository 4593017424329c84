package run

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// watchful notices soon what became of a run.
func watchful(o *Options) { o.Recheck = 200 * time.Millisecond }

// A server that dies while it removes objects leaves the rest to the next one.
func TestDeathWhileObjectsAreRemoved(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*rig, string){
		"pruning": func(r *rig, id string) {
			r.save(id, "")
			_, err := r.exec.Run(r.t.Context(), ann, id, models.TriggerData{})
			require.NoError(r.t, err)
		},
		"tearing down": func(r *rig, id string) { r.exec.TearDown(r.t.Context(), r.current(id), false) },
		"tearing down what is deleted meanwhile": func(r *rig, id string) {
			_, _, err := r.service().Retire(r.t.Context(), ann, id, models.WorkflowDeletion{TearDown: true})
			require.NoError(r.t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, watchful)
			w := r.draw("web:deployment svc:service data:persistentvolumeclaim conf:configmap svc>web")
			theirs := r.draw("theirs:configmap")
			r.mustRun(w.ID, models.TriggerData{})
			r.mustRun(theirs.ID, models.TriggerData{})
			var stuck atomic.Int32
			r.cluster.remove = func(ctx context.Context) {
				if stuck.Add(1) == 2 { // after the first kind, for good
					<-ctx.Done()
				}
			}
			r.exec.opts.AnswerAfter = 500 * time.Millisecond
			begin(r, w.ID)
			run, err := r.runs.Running(t.Context(), w.ID)
			require.NoError(t, err)
			r.servers.end(r.exec)
			r.recover(r.executor(r.runs, watchful))
			done := r.eventually(w.ID, run.ID)
			require.Equal(t, models.RunCompleted, done.Status, done.Error)
			require.Equal(t, "ConfigMap theirs, PersistentVolumeClaim data", r.cluster.names())
			require.Equal(t, "dev PersistentVolumeClaim data present", r.leftovers(w.ID))
		})
	}
}

// Removing leftovers is not repeated by another server, since a person has named them;
// what is gone is not listed for long.
func TestDeathWhileLeftoversAreRemoved(t *testing.T) {
	t.Parallel()
	r := newRig(t, watchful)
	w := r.draw("a:persistentvolumeclaim pw:secret")
	r.mustRun(w.ID, typedSecret("pw", "password", "abcdef"))
	r.save(w.ID, "conf:configmap")
	r.mustRun(w.ID, models.TriggerData{})
	var calls atomic.Int32
	r.cluster.remove = func(ctx context.Context) {
		if calls.Add(1) == 2 {
			<-ctx.Done()
		}
	}
	r.exec.opts.AnswerAfter = 500 * time.Millisecond
	all := models.LeftoverRemoval{Objects: []models.LeftoverName{
		{Kind: kindClaim, Namespace: "default", Name: "a"}, {Kind: kindSecret, Namespace: "default", Name: "pw"},
	}}
	result, err := r.exec.RemoveLeftovers(t.Context(), ann, w.ID, all)
	require.NoError(t, err)
	require.Equal(t, models.RunRunning, result.Status)
	_, err = r.exec.Run(t.Context(), ann, w.ID, models.TriggerData{})
	require.Equal(t, models.Conflict, models.KindOf(err), "no run applies what goes")
	r.servers.end(r.exec)
	second := r.executor(r.runs, watchful)
	r.recover(second)
	done := r.eventually(w.ID, result.RunID)
	require.Equal(t, models.RunFailed, done.Status)
	require.Contains(t, done.Error, "look at the leftovers")

	r.exec, r.cluster.remove = second, nil
	require.Contains(t, r.leftovers(w.ID), "gone")
	result, err = r.exec.RemoveLeftovers(t.Context(), ann, w.ID, all)
	require.NoError(t, err)
	require.Equal(t, models.RunCompleted, result.Status, result.Error)
	require.Empty(t, r.leftovers(w.ID))
	require.Equal(t, "ConfigMap conf", r.cluster.names())
}
