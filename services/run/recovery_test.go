package run

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
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

func (m *mortal) Renew(ctx context.Context, id, lease string, until time.Time) (bool, error) {
	if err := m.gone(); err != nil {
		return false, err
	}
	return m.Runs.Renew(ctx, id, lease, until)
}

func (m *mortal) Finish(ctx context.Context, id, lease string, res models.RunResult) error {
	if err := m.gone(); err != nil {
		return err
	}
	return m.Runs.Finish(ctx, id, lease, res)
}

func shortLease(o *Options) { o.AnswerAfter, o.Lease = time.Millisecond, 600*time.Millisecond }

// recover runs a recovery worker over exec until the test ends.
func (r *rig) recover(exec *Executor) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- NewRecovery(exec, r.runs, r.workflows, false).Run(ctx) }()
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
	first := r.executor(store, shortLease)
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
	r.recover(r.executor(r.runs, shortLease))

	done := r.eventually(w.ID, run.ID)
	require.Equal(t, models.RunCompleted, done.Status, done.Error)
	require.Equal(t, map[string]string{"conf": "completed", "web": "completed"}, states(done))
	require.Equal(t, "ConfigMap conf, Deployment web", r.cluster.names())
	stored, err := r.workflows.Get(t.Context(), ann, w.ID)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, []int{stored.RunCount, stored.CurrentVersion})
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
}

func TestRunGoesOnAfterAStop(t *testing.T) {
	t.Parallel()
	r := newRig(t, shortLease)
	w := r.draw("web:deployment")
	r.cluster.apply = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	run := r.mustRun(w.ID, models.TriggerData{})
	r.running(w.ID)
	require.NoError(t, r.exec.Stop(t.Context()))
	_, err := r.exec.Run(t.Context(), ann, w.ID, models.TriggerData{})
	require.Equal(t, models.Unavailable, models.KindOf(err))

	r.cluster.apply = nil
	// The lease is so long that only its release lets another process in.
	next := r.executor(r.runs, func(o *Options) { o.Lease = time.Hour })
	r.recover(next)
	require.Equal(t, models.RunCompleted, r.eventually(w.ID, run.ID).Status)
}

func TestRunThatNeverBeganIsFailed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment")
	run := r.exec.newRun(w, models.RunDeploy)
	run.Lease, run.LeaseUntil = "dead", models.Now().Add(-time.Second)
	require.NoError(t, r.runs.Begin(t.Context(), run))
	r.recover(r.exec)
	done := r.eventually(w.ID, run.ID)
	require.Equal(t, models.RunFailed, done.Status)
	require.Contains(t, done.Error, "run again")
	require.Empty(t, r.cluster.names())
}

func TestTheOnlyProcessWaitsForNoLease(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w, own := r.draw("web:deployment"), r.draw("mine:deployment")
	run := r.exec.newRun(w, models.RunDeploy)
	run.Lease, run.LeaseUntil = "dead", models.Now().Add(10*time.Second)
	require.NoError(t, r.runs.Begin(t.Context(), run))

	goOn := make(chan struct{})
	r.cluster.apply = func(context.Context, string) error { <-goOn; return nil }
	ended := make(chan models.Run, 1)
	go func() { ran, _ := r.exec.Run(t.Context(), ann, own.ID, models.TriggerData{}); ended <- ran }()
	r.running(own.ID)
	require.NoError(t, NewRecovery(r.exec, r.runs, r.workflows, true).once(t.Context(), models.Now().Add(time.Hour)))
	require.Equal(t, models.RunFailed, r.eventually(w.ID, run.ID).Status)
	close(goOn)
	require.Equal(t, models.RunCompleted, (<-ended).Status, "a run of this process is none of its business")
}

func TestValuesThatDiedWithTheProcessAreAskedForAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, shortLease)
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
	r.recover(r.executor(r.runs, shortLease))
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
	run.Version, run.CancelRequested, run.LeaseUntil = 1, true, models.Now().Add(-time.Second)
	require.NoError(t, r.runs.Begin(t.Context(), run))
	r.recover(r.exec)
	require.Equal(t, models.RunCancelled, r.eventually(w.ID, run.ID).Status)
}
