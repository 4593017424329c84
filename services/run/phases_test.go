package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func (r *rig) start(id string, o models.RunOptions) models.Run {
	r.t.Helper()
	run, err := r.exec.Start(r.t.Context(), ann, id, models.RunRequest{RunOptions: o})
	require.NoError(r.t, err)
	return run
}

// failing refuses the objects of these names.
func failing(names ...string) func(context.Context, string) error {
	return func(ctx context.Context, name string) error {
		for _, n := range names {
			if n == name {
				return errors.New("no quota")
			}
		}
		return ctx.Err()
	}
}

func TestWhatIsAppliedAfterAFailure(t *testing.T) {
	t.Parallel()
	// Two chains: a fails in the first wave.
	const drawn = "a:configmap b:configmap web:deployment api:deployment a>web b>api"
	for policy, want := range map[string]map[string]string{
		"":                    {"a": "failed", "b": "completed", "web": "skipped", "api": "completed"},
		models.PolicyContinue: {"a": "failed", "b": "completed", "web": "skipped", "api": "completed"},
		models.PolicyStop:     {"a": "failed", "b": "completed", "web": "skipped", "api": "skipped"},
		models.PolicyRollback: {"a": "failed", "b": "completed", "web": "skipped", "api": "skipped"},
	} {
		t.Run("policy "+policy, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.cluster.apply = failing("a")
			run := r.start(r.draw(drawn).ID, models.RunOptions{FailurePolicy: policy})
			require.Equal(t, models.RunFailed, run.Status)
			require.Equal(t, want, states(run))
			require.Contains(t, run.Error, "could not be used")
			require.Equal(t, policy == models.PolicyRollback, strings.Contains(run.Error, "no version to go back to"), run.Error)
		})
	}
}

func TestRunWaitsUntilItsNodesAreHealthy(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.AnswerAfter = time.Millisecond })
	r.cluster.live.ail("web")
	w := r.draw("conf:configmap web:deployment job:job svc:service conf>web svc>web")
	run := r.start(w.ID, models.RunOptions{Wait: true, WaitTimeoutSeconds: 600})
	require.Eventually(t, func() bool { return r.cluster.live.looked() > 3 }, 10*time.Second, time.Millisecond)
	now, err := r.runs.Get(t.Context(), w.ID, run.ID)
	require.NoError(t, err)
	require.Equal(t, []string{models.RunRunning, models.PhaseWait}, []string{now.Status, now.Phase})
	require.NotNil(t, now.WaitUntil)
	_, err = r.exec.Run(t.Context(), ann, w.ID, models.TriggerData{})
	refused := &models.Error{}
	require.ErrorAs(t, err, &refused)
	require.Equal(t, models.Conflict, refused.Kind)
	require.Equal(t, map[string]string{"run_id": run.ID}, refused.Extra)

	r.cluster.live.ail()
	done := r.eventually(w.ID, run.ID)
	require.Equal(t, models.RunCompleted, done.Status, done.Error)
	require.Empty(t, done.Phase)
	require.Nil(t, done.WaitUntil)
	logs := strings.Join(done.Logs, "\n")
	require.Contains(t, logs, `waiting for 1 of 3 nodes: node "web": 0 of 1 pods ready`)
	require.Contains(t, logs, "all nodes are healthy")
}

func TestRunWhoseNodesDoNotBecomeHealthy(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		drawn, sick string
		seconds     int
		away        bool
		want        string
		states      map[string]string
	}{
		"in time": {drawn: "web:deployment api:deployment", sick: "web", seconds: 1,
			want: `not healthy after 1s: node "web": 0 of 1 pods ready`, states: map[string]string{"web": "failed", "api": "completed"}},
		"ever": {drawn: "job:job api:deployment", sick: "job", seconds: 600,
			want: `not healthy: node "job": as the test says`, states: map[string]string{"job": "failed", "api": "completed"}},
		"because nobody can tell": {drawn: "web:deployment", seconds: 1, away: true,
			want: `not healthy after 1s: node "web": `, states: map[string]string{"web": "failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.cluster.live.ail(tc.sick)
			r.cluster.live.away = tc.away
			run := r.start(r.draw(tc.drawn).ID, models.RunOptions{Wait: true, WaitTimeoutSeconds: tc.seconds})
			require.Equal(t, models.RunFailed, run.Status)
			require.Contains(t, run.Error, tc.want)
			require.Equal(t, tc.states, states(run))
			for id, state := range run.NodeStates {
				require.Equal(t, state.Status == models.NodeFailed, strings.HasPrefix(state.Error, "not healthy: "), id)
				require.NotEmpty(t, state.Result, "what was applied is not forgotten")
			}
		})
	}
}

func TestFailedRunIsRolledBack(t *testing.T) {
	t.Parallel()
	waited := models.RunOptions{Wait: true, WaitTimeoutSeconds: 1}
	back := models.RunOptions{FailurePolicy: models.PolicyRollback, Wait: true, WaitTimeoutSeconds: 1}
	for name, tc := range map[string]struct {
		before []models.RunOptions // of the runs of versions 1, 2, …
		sick   string
		fail   string
		want   int
		error  string
	}{
		"to the one before":              {before: []models.RunOptions{{}, {}}, sick: "new", want: 2, error: "not healthy after 1s"},
		"to the last that was healthy":   {before: []models.RunOptions{waited, waited, {}}, sick: "new", want: 2, error: "not healthy after 1s"},
		"after an object was refused":    {before: []models.RunOptions{waited}, fail: "new", want: 1, error: "could not be used"},
		"not, when all become healthy":   {before: []models.RunOptions{waited}},
		"not, when there was none":       {sick: "new", error: "no version to go back to"},
		"not, when the rollback fails":   {before: []models.RunOptions{waited}, sick: "new", fail: "old after new", error: "could not be rolled back either: 1 of 2 nodes failed"},
		"not, when nothing was touched":  {before: []models.RunOptions{waited}, fail: "everything", error: "could not be used"},
		"not, when the version was lost": {before: []models.RunOptions{waited, {}}, sick: "new", want: 2, error: "not healthy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			w := r.draw("old:deployment conf:configmap conf>old")
			for _, o := range tc.before {
				require.Equal(t, models.RunCompleted, r.start(w.ID, o).Status)
			}
			if strings.Contains(name, "lost") {
				require.NoError(t, r.versions.Delete(t.Context(), w.ID, 1))
			}
			r.save(w.ID, "conf:configmap new:deployment conf>new")
			var seen atomic.Bool
			r.cluster.apply = func(ctx context.Context, name string) error {
				seen.CompareAndSwap(false, name == "new")
				if name == tc.fail || tc.fail == "everything" || tc.fail == name+" after new" && seen.Load() {
					return errors.New("no quota")
				}
				return ctx.Err()
			}
			r.cluster.live.ail(tc.sick)
			run := r.start(w.ID, back)
			require.Equal(t, tc.want, run.RolledBackTo, run.Error)
			stored, err := r.runs.Get(t.Context(), w.ID, run.ID)
			require.NoError(t, err)
			require.Equal(t, []any{tc.want, "", run.Error}, []any{stored.RolledBackTo, stored.Phase, stored.Error})
			drawn, err := r.workflows.Get(t.Context(), ann, w.ID)
			require.NoError(t, err)
			require.Equal(t, "new", drawn.Nodes[1].ID, "the drawing stays")
			if tc.error == "" {
				require.Equal(t, models.RunCompleted, run.Status, run.Error)
				return
			}
			require.Equal(t, models.RunFailed, run.Status)
			require.Contains(t, run.Error, tc.error)
			if tc.want > 0 {
				require.Contains(t, run.Error, fmt.Sprintf("; rolled back to version %d", tc.want))
				require.Equal(t, "ConfigMap conf, Deployment old", r.cluster.names())
				require.Contains(t, run.NodeStates, "new", "it tells what failed")
				require.NotContains(t, run.NodeStates, "old")
			}
			// The next run is one like any other.
			r.cluster.apply = nil
			r.cluster.live.ail()
			require.Equal(t, models.RunCompleted, r.start(w.ID, back).Status)
			require.Equal(t, "ConfigMap conf, Deployment new", r.cluster.names())
		})
	}
}

func TestRunThatMustEndIsNotRolledBack(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		end  func(r *sharedRig, w models.Workflow, run models.Run)
		want string
	}{
		"cancelled": {func(r *sharedRig, w models.Workflow, run models.Run) {
			require.NoError(r.t, r.exec.Cancel(r.t.Context(), ann, w.ID, run.ID))
		}, "the run was cancelled; everything had been applied"},
		"unshared": {func(r *sharedRig, _ models.Workflow, _ models.Run) {
			r.unshared.Store(true)
			r.exec.AccessChanged(r.t.Context(), "")
		}, "the cluster is not open to the owner"},
		"archived": {func(r *sharedRig, w models.Workflow, _ models.Run) {
			w.Status, w.RunCount = models.WorkflowArchived, 1
			archived := models.WorkflowArchived
			_, err := r.workflows.Update(r.t.Context(), ann, w.ID, models.WorkflowPatch{Status: &archived}, models.Now())
			require.NoError(r.t, err)
			require.Empty(r.t, r.patient().TearDown(r.t.Context(), w, false))
			require.Empty(r.t, r.cluster.names())
		}, "the run was cancelled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := sharedRig{rig: newRig(t, quick)}
			r.access = func() (models.ClusterGrant, error) {
				if r.unshared.Load() {
					return models.ClusterGrant{}, noClusterHere()
				}
				return member("default"), nil
			}
			w := r.draw("web:deployment")
			require.Equal(t, models.RunCompleted, r.eventually(w.ID, r.start(w.ID, models.RunOptions{}).ID).Status)
			r.cluster.live.ail("web")
			run := r.start(w.ID, models.RunOptions{FailurePolicy: models.PolicyRollback, Wait: true})
			r.inPhase(w.ID, models.PhaseWait)
			tc.end(&r, w, run)
			done := r.eventually(w.ID, run.ID)
			require.NotEqual(t, models.RunCompleted, done.Status)
			require.Contains(t, done.Error, tc.want)
			require.Zero(t, done.RolledBackTo)
		})
	}
}

// sharedRig is a rig whose cluster somebody else may take away.
type sharedRig struct {
	*rig

	unshared atomic.Bool
}

// patient returns the executor with time for its answers.
func (r *rig) patient() *Executor {
	e := r.executor(r.runs, func(o *Options) { o.Recheck = 200 * time.Millisecond })
	return e
}

// inPhase waits until the run of a workflow is in a phase and returns it.
func (r *rig) inPhase(workflowID, phase string) (run models.Run) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		var err error
		run, err = r.runs.Running(r.t.Context(), workflowID)
		return err == nil && run.Phase == phase
	}, 10*time.Second, 5*time.Millisecond)
	return run
}

// A process dies, or stops, in each phase; the next one goes on there.
func TestRunGoesOnInItsPhase(t *testing.T) {
	t.Parallel()
	for _, phase := range []string{models.PhaseWait, models.PhaseRollback} {
		for _, dies := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, killed %v", phase, dies), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				w := r.draw("old:deployment")
				require.Equal(t, models.RunCompleted, r.start(w.ID, models.RunOptions{Wait: true}).Status)
				r.save(w.ID, "new:deployment")

				store := &mortal{Runs: r.runs}
				r.exec = r.executor(store, quick)
				var applied atomic.Int32 // times that the new version was
				var free atomic.Bool
				r.cluster.apply = func(ctx context.Context, name string) error {
					switch {
					case name == "new":
						applied.Add(1)
					case name == "old" && !free.Load():
						<-ctx.Done() // in the rollback
					}
					return ctx.Err()
				}
				r.cluster.live.ail("new")
				o := models.RunOptions{FailurePolicy: models.PolicyRollback, Wait: true, WaitTimeoutSeconds: 1}
				if phase == models.PhaseWait {
					o.WaitTimeoutSeconds = 600
				}
				run := r.start(w.ID, o)
				r.inPhase(w.ID, phase)
				if dies {
					store.dead.Store(true)
					r.servers.end(r.exec)
				} else {
					require.NoError(t, r.exec.Stop(t.Context()))
				}
				free.Store(true)
				if phase == models.PhaseWait {
					r.cluster.live.ail()
				}
				r.recover(r.executor(r.runs, quick))
				done := r.eventually(w.ID, run.ID)
				require.EqualValues(t, 1, applied.Load())
				if phase == models.PhaseWait {
					require.Equal(t, models.RunCompleted, done.Status, done.Error)
					require.Equal(t, "Deployment new", r.cluster.names())
					return
				}
				require.Equal(t, models.RunFailed, done.Status)
				require.Contains(t, done.Error, `not healthy after 1s: node "new"`)
				require.Contains(t, done.Error, "rolled back to version 1")
				require.Equal(t, "Deployment old", r.cluster.names())
			})
		}
	}
}

// The time of a run ends its wait, but leaves time to roll back.
func TestDeadlineLeavesTimeForTheRollback(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("old:deployment")
	require.Equal(t, models.RunCompleted, r.start(w.ID, models.RunOptions{}).Status)
	r.save(w.ID, "new:deployment slow:deployment")
	r.cluster.apply = func(ctx context.Context, name string) error {
		if name == "slow" {
			<-ctx.Done()
		}
		return ctx.Err()
	}
	r.exec = r.executor(r.runs, func(o *Options) { o.Deadline = 2 * time.Second })
	run := r.start(w.ID, models.RunOptions{FailurePolicy: models.PolicyRollback})
	require.Equal(t, models.RunFailed, run.Status)
	require.Equal(t, "the run took longer than it may, 2s; rolled back to version 1", run.Error)
	require.Equal(t, "Deployment old", r.cluster.names())
}
