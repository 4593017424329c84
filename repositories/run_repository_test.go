package repositories_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

const workflowID = "cccccccccccccccccccccccc"

func running(lease string) models.Run {
	return models.Run{
		ID: models.NewID(), WorkflowID: workflowID, Status: models.RunRunning, StartedAt: now(), Logs: []string{"[10:00:00] x"},
		NodeStates: map[string]models.NodeState{"a.b$": {Status: models.NodePending}}, Output: map[string]any{},
		TriggeredBy: models.TriggeredManually, TriggerData: models.Trigger{UserID: owner},
		Action: models.RunDeploy, OwnerID: owner, Cluster: "dev", Lease: lease, Deadline: now(),
	}
}

func openRuns(t *testing.T) *repositories.Runs {
	t.Helper()
	return repositories.NewRuns(dbtest.Open(t).Database())
}

func TestRunComesBackAsItWasStored(t *testing.T) {
	t.Parallel()
	store := openRuns(t)
	run := running("p1")
	run.NodeStates["a.b$"] = models.NodeState{Status: models.NodeCompleted, Result: []models.ObjectChange{{Kind: "Service", Action: "created"}}}
	require.NoError(t, store.Begin(t.Context(), run))
	got, err := store.Get(t.Context(), workflowID, run.ID)
	require.NoError(t, err)
	run.Output["a.b$"] = run.NodeStates["a.b$"].Result
	require.Equal(t, run, got)
	_, err = store.Get(t.Context(), models.NewID(), run.ID)
	require.Equal(t, models.NotFound, kindOf(t, err))
}

func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	store := openRuns(t)
	var all sync.WaitGroup
	var began atomic.Int32
	for range 20 {
		all.Go(func() {
			err := store.Begin(t.Context(), running("p1"))
			if err == nil {
				began.Add(1)
			} else if models.KindOf(err) != models.Conflict {
				t.Errorf("begin: %v", err)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, began.Load())

	run, err := store.Running(t.Context(), workflowID)
	require.NoError(t, err)
	require.NoError(t, store.Finish(t.Context(), run.ID, "p1", models.RunResult{Status: models.RunFailed, Error: "x", CompletedAt: now()}))
	_, err = store.Running(t.Context(), workflowID)
	require.Equal(t, models.NotFound, kindOf(t, err))
	require.NoError(t, store.Begin(t.Context(), running("p1")))
	list, err := store.List(t.Context(), workflowID, 10)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, models.RunRunning, list[0].Status, "the newest comes first")
}

func TestRunBeginsAndEndsOnce(t *testing.T) {
	t.Parallel()
	store := openRuns(t)
	run, other := running("p1"), running("p1")
	result := models.RunResult{Status: models.RunCompleted, CompletedAt: now()}
	for range 2 {
		require.NoError(t, store.Begin(t.Context(), run))
		require.Equal(t, models.Conflict, kindOf(t, store.Begin(t.Context(), other)))
	}
	for range 2 {
		require.NoError(t, store.Finish(t.Context(), run.ID, "p1", result))
		require.Equal(t, models.Conflict, kindOf(t, store.Finish(t.Context(), run.ID, "p2", result)))
		require.Equal(t, models.Conflict, kindOf(t, store.Finish(t.Context(), run.ID, "p1", models.RunResult{Status: models.RunFailed})))
	}
	require.NoError(t, store.Begin(t.Context(), other), "the lock is free")
}

func TestOnlyTheHolderChangesARun(t *testing.T) {
	t.Parallel()
	store := openRuns(t)
	run := running("p1")
	require.NoError(t, store.Begin(t.Context(), run))

	leased, err := store.Leased(t.Context())
	require.NoError(t, err)
	require.Equal(t, []models.Run{{ID: run.ID, Lease: "p1"}}, leased)
	got, err := store.TakeOver(t.Context(), run.ID, "p1", "p2")
	require.NoError(t, err)
	require.Equal(t, "p2", got.Lease)
	_, err = store.TakeOver(t.Context(), run.ID, "p1", "p3")
	require.Equal(t, models.Conflict, kindOf(t, err), "the second is too late")

	_, look := store.Cancelled(t.Context(), run.ID, "p1")
	version := 1
	for what, err := range map[string]error{
		"look":    look,
		"record":  store.Record(t.Context(), run.ID, "p1", models.RunProgress{Version: &version}),
		"release": store.Release(t.Context(), run.ID, "p1"),
		"finish":  store.Finish(t.Context(), run.ID, "p1", models.RunResult{Status: models.RunCompleted}),
	} {
		require.Equal(t, models.Conflict, kindOf(t, err), what)
	}

	require.NoError(t, store.RequestCancel(t.Context(), workflowID, run.ID))
	cancel, err := store.Cancelled(t.Context(), run.ID, "p2")
	require.NoError(t, err)
	require.True(t, cancel)
	require.NoError(t, store.Record(t.Context(), run.ID, "p2", models.RunProgress{Version: &version}))
	require.NoError(t, store.Release(t.Context(), run.ID, "p2"))
	got, err = store.TakeOver(t.Context(), run.ID, "", "p3")
	require.NoError(t, err)
	require.Equal(t, 1, got.Version)
	require.NoError(t, store.Finish(t.Context(), run.ID, "p3", models.RunResult{Status: models.RunCancelled, CompletedAt: now()}))
	require.Equal(t, models.Conflict, kindOf(t, store.RequestCancel(t.Context(), workflowID, run.ID)))
	require.Equal(t, models.NotFound, kindOf(t, store.RequestCancel(t.Context(), workflowID, models.NewID())))
}

func TestListsOfRunsAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	store := repositories.NewRuns(dbtest.Open(t).Database())
	for range 4 {
		id := models.NewID()
		require.NoError(t, store.Begin(t.Context(), models.Run{ID: id, WorkflowID: workflowID, Status: models.RunCompleted, StartedAt: now(), Logs: []string{strings.Repeat("x", 3<<20)}}))
	}
	list, err := store.List(t.Context(), workflowID, 100)
	require.NoError(t, err)
	require.Len(t, list, 2)
}

func TestKeysOfRuns(t *testing.T) {
	t.Parallel()
	store := openRuns(t)
	first := running("p1")
	first.IdempotencyKey = "ann k"
	require.NoError(t, store.Begin(t.Context(), first))
	require.NoError(t, store.Finish(t.Context(), first.ID, "p1", models.RunResult{Status: models.RunCompleted, CompletedAt: now()}))
	second := running("p1")
	second.IdempotencyKey = "ann k"
	require.Equal(t, models.Conflict, kindOf(t, store.Begin(t.Context(), second)))
	found, err := store.WithKey(t.Context(), workflowID, "ann k")
	require.NoError(t, err)
	require.Equal(t, first.ID, found.ID)
	_, err = store.WithKey(t.Context(), models.NewID(), "ann k")
	require.Equal(t, models.NotFound, kindOf(t, err))
	other := running("p1")
	other.WorkflowID, other.IdempotencyKey = models.NewID(), "ann k"
	require.NoError(t, store.Begin(t.Context(), other), "another workflow has keys of its own")
	require.NoError(t, store.ForgetKey(t.Context(), first.ID))
	require.NoError(t, store.Begin(t.Context(), second))
}

func TestRunIsUnsettledUntilItIsSettled(t *testing.T) {
	t.Parallel()
	store := openRuns(t)
	run, quiet := running("p1"), running("p1")
	quiet.WorkflowID = models.NewID()
	for _, r := range []models.Run{run, quiet} {
		require.NoError(t, store.Begin(t.Context(), r))
		res := models.RunResult{
			Status: models.RunFailed, Error: "x", CompletedAt: now(), RolledBackTo: 3, Conflict: true, Unsettled: r.ID == run.ID,
		}
		require.NoError(t, store.Finish(t.Context(), r.ID, "p1", res))
	}
	left, err := store.Unsettled(t.Context())
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, []any{run.ID, "p1", models.RunFailed, 3, true},
		[]any{left[0].ID, left[0].Lease, left[0].Status, left[0].RolledBackTo, left[0].Conflict})
	require.NoError(t, store.Settle(t.Context(), run.ID))
	left, err = store.Unsettled(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestPhaseOfARun(t *testing.T) {
	t.Parallel()
	store := openRuns(t)
	run := running("p1")
	require.NoError(t, store.Begin(t.Context(), run))
	until := now()
	for _, phase := range []models.RunPhase{
		{Phase: models.PhaseWait, WaitUntil: &until}, {Phase: models.PhaseRollback, RolledBackTo: 2, Failure: "no quota"},
	} {
		require.NoError(t, store.Record(t.Context(), run.ID, "p1", models.RunProgress{Phase: &phase}))
		got, err := store.TakeOver(t.Context(), run.ID, "p1", "p1")
		require.NoError(t, err)
		require.Equal(t, phase, got.RunPhase)
	}
	require.NoError(t, store.Finish(t.Context(), run.ID, "p1", models.RunResult{Status: models.RunFailed, CompletedAt: now(), RolledBackTo: 2}))
	got, err := store.Get(t.Context(), workflowID, run.ID)
	require.NoError(t, err)
	require.Equal(t, models.RunPhase{RolledBackTo: 2}, got.RunPhase)
}
