package run

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/repositories"
)

// mortal is a store whose process can be killed: from then on nothing that it
// does reaches the database.
type mortal struct {
	*repositories.Runs

	dead atomic.Bool
}

func (m *mortal) gone() error {
	if m.dead.Load() {
		return &models.Error{Kind: models.Unavailable, Msg: "this process is dead"}
	}
	return nil
}

func (m *mortal) Finish(ctx context.Context, id, lease string, res models.RunResult) error {
	if err := m.gone(); err != nil {
		return err
	}
	return m.Runs.Finish(ctx, id, lease, res)
}

func quick(o *Options) { o.AnswerAfter, o.Recheck = time.Millisecond, 200*time.Millisecond }

// recover runs a recovery worker over exec until the test ends.
func (r *rig) recover(exec *Executor) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- NewRecovery(exec, r.runs, r.workflows).Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("recovery: %v", err)
		}
	})
}

func TestRunOfAKilledProcessIsFinished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	store := &mortal{Runs: r.runs}
	first := r.executor(store, quick)
	w := r.draw("conf:configmap web:deployment conf>web")
	var stuck atomic.Bool
	stuck.Store(true)
	r.cluster.apply = func(ctx context.Context, name string) error {
		if name == "web" && stuck.Load() {
			<-ctx.Done()
		}
		return ctx.Err()
	}
	run, err := first.Run(t.Context(), ann, w.ID, models.TriggerData{})
	require.NoError(t, err)
	r.running(w.ID)
	store.dead.Store(true)
	stuck.Store(false)
	r.servers.end(first)
	r.recover(r.executor(r.runs, quick))

	done := r.eventually(w.ID, run.ID)
	require.Equal(t, models.RunCompleted, done.Status, done.Error)
	require.Equal(t, map[string]string{"conf": "completed", "web": "completed"}, states(done))
	require.Equal(t, "ConfigMap conf, Deployment web", r.cluster.names())
	require.Eventually(t, func() bool { // it is counted after it has ended
		stored, err := r.workflows.Get(t.Context(), ann, w.ID)
		return err == nil && stored.RunCount == 1 && stored.CurrentVersion == 1
	}, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
}

func TestRunGoesOnAfterAStop(t *testing.T) {
	t.Parallel()
	r := newRig(t, quick)
	w := r.draw("web:deployment")
	r.cluster.apply = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	run := r.mustRun(w.ID, models.TriggerData{})
	r.running(w.ID)
	require.NoError(t, r.exec.Stop(t.Context()))
	_, err := r.exec.Run(t.Context(), ann, w.ID, models.TriggerData{})
	require.Equal(t, models.Unavailable, models.KindOf(err))

	r.cluster.apply = nil
	r.recover(r.executor(r.runs)) // the session of the first one is not over
	require.Equal(t, models.RunCompleted, r.eventually(w.ID, run.ID).Status)
}

// A server that dies before it applied anything may have taken its snapshot already.
func TestRunThatAppliedNothingBegins(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment")
	second := r.draw("web:deployment")
	var runs []models.Run
	for _, w := range []models.Workflow{w, second} {
		run := r.exec.newRun(w, models.RunDeploy)
		run.Lease = "dead"
		require.NoError(t, r.runs.Begin(t.Context(), run))
		runs = append(runs, run)
	}
	s := newSession(runs[1], nil, models.TriggerData{}, r.exec.now)
	s.workflow = second
	_, err := r.exec.takeSnapshot(t.Context(), s)
	require.NoError(t, err)
	r.save(second.ID, "other:deployment") // after the snapshot
	r.recover(r.exec)
	for _, run := range runs {
		done := r.eventually(run.WorkflowID, run.ID)
		require.Equal(t, models.RunCompleted, done.Status, done.Error)
		require.Equal(t, 1, done.Version)
		require.Equal(t, map[string]string{"web": "completed"}, states(done))
	}
}

func TestRecoveryLeavesRunsOfOthersAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	own := r.draw("mine:deployment")
	goOn := make(chan struct{})
	r.cluster.apply = func(context.Context, string) error { <-goOn; return nil }
	ended := make(chan models.Run, 1)
	go func() { ran, _ := r.exec.Run(t.Context(), ann, own.ID, models.TriggerData{}); ended <- ran }()
	r.running(own.ID)

	other := r.executor(r.runs)
	theirs, older := r.draw("web:deployment"), r.draw("web:deployment")
	begun := other.newRun(theirs, models.RunDeploy)
	require.NoError(t, r.runs.Begin(t.Context(), begun))
	old := r.exec.newRun(older, models.RunDeploy)
	old.Lease, old.LeaseUntil = "of the version before", models.Now().Add(time.Minute)
	require.NoError(t, r.runs.Begin(t.Context(), old))

	recovery := NewRecovery(r.exec, r.runs, r.workflows)
	require.NoError(t, recovery.once(t.Context()))
	for _, run := range []models.Run{begun, old} {
		now, err := r.runs.Get(t.Context(), run.WorkflowID, run.ID)
		require.NoError(t, err)
		require.Equal(t, []string{models.RunRunning, run.Lease}, []string{now.Status, now.Lease})
	}
	r.servers.end(other)
	require.NoError(t, recovery.once(t.Context()))
	require.NotNil(t, r.exec.session(begun.ID), "its server is gone")
	close(goOn)
	require.Equal(t, models.RunCompleted, r.eventually(theirs.ID, begun.ID).Status)
	require.Equal(t, models.RunCompleted, (<-ended).Status, "a run that is executed here is none of its business")
}

// A run whose end could not be stored is finished by the server that began it.
func TestRunThatThisServerForgotIsFinished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment")
	run := r.exec.newRun(w, models.RunDeploy)
	require.NoError(t, r.runs.Begin(t.Context(), run))
	recovery := NewRecovery(r.exec, r.runs, r.workflows)
	require.NoError(t, recovery.once(t.Context()))
	require.Nil(t, r.exec.session(run.ID), "it may be about to begin")
	recovery.idle[run.ID] = time.Now().Add(-3 * storeTime)
	require.NoError(t, recovery.once(t.Context()))
	require.Equal(t, models.RunCompleted, r.eventually(w.ID, run.ID).Status)
}

// A server whose session is over sends nothing to the cluster any more.
func TestRunOfALostSessionWritesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, quick)
	w := r.draw("a:configmap web:deployment a>web")
	applied := make(chan error, 1)
	r.cluster.apply = func(ctx context.Context, name string) error {
		if name == "a" {
			r.servers.end(r.exec) // while the process is frozen
			applied <- kubernetes.Permitted(ctx)
		}
		return ctx.Err()
	}
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Error(t, <-applied)
	r.cluster.apply = nil
	r.recover(r.executor(r.runs, quick))
	require.Equal(t, models.RunCompleted, r.eventually(w.ID, run.ID).Status)
}

func TestValuesThatDiedWithTheProcessAreAskedForAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, quick)
	w := r.draw("pw:secret web:deployment")
	r.cluster.apply = func(ctx context.Context, name string) error {
		if name == "values of pw" {
			<-ctx.Done()
		}
		return ctx.Err()
	}
	run := r.mustRun(w.ID, typedSecret("pw", "password", "abcdef"))
	r.running(w.ID)
	require.NoError(t, r.exec.Stop(t.Context()))
	r.cluster.apply = nil
	r.recover(r.executor(r.runs, quick))
	done := r.eventually(w.ID, run.ID)
	require.Equal(t, models.RunFailed, done.Status)
	require.Equal(t, map[string]string{"pw": "failed", "web": "completed"}, states(done))
	require.Contains(t, done.NodeStates["pw"].Error, "type them again")
}

func TestCancelledRunIsNotTakenUpAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment")
	run := r.exec.newRun(w, models.RunDeploy)
	run.Version, run.CancelRequested, run.Lease = 1, true, ""
	require.NoError(t, r.runs.Begin(t.Context(), run))
	r.recover(r.exec)
	require.Equal(t, models.RunCancelled, r.eventually(w.ID, run.ID).Status)
}
