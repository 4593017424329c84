package run

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

// ledger notes what is told of runs, once for each id, and fails on demand.
type ledger struct {
	mu      sync.Mutex
	told    []string
	entries []models.AuditEntry
	fail    bool
}

func (l *ledger) RunEnded(_ context.Context, r models.Run, workflow string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail {
		return errors.New("no room")
	}
	l.told = append(l.told, workflow+" "+r.ID+" "+r.Status)
	return nil
}

func (l *ledger) Record(_ context.Context, e models.AuditEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
}

func (l *ledger) set(fail bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = fail
}

// forgetful is a store whose process dies after it has stored the end of a run.
type forgetful struct {
	*repositories.Runs

	ended chan struct{}
}

func (f forgetful) Finish(ctx context.Context, id, lease string, res models.RunResult) error {
	err := f.Runs.Finish(ctx, id, lease, res)
	close(f.ended)
	return errors.Join(err, errors.New("dead"))
}

func TestRunOfAProcessThatDiedAfterItsEndIsCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := &ledger{}
	w := r.draw("web:deployment")
	store := forgetful{r.runs, make(chan struct{})}
	first := r.executor(store, quick)
	run, err := first.Run(t.Context(), ann, w.ID, models.TriggerData{})
	require.NoError(t, err)
	<-store.ended
	before, err := r.workflows.ByID(t.Context(), w.ID)
	require.NoError(t, err)
	require.Equal(t, []int{1, 0}, []int{before.RunCount, before.SuccessCount})

	second := r.executor(r.runs, quick)
	second.deps.Audit, second.deps.Notifier = l, l
	events := &notedEvents{}
	second.deps.Events = events
	recovery := NewRecovery(second, r.runs, r.workflows)
	require.NoError(t, recovery.once(t.Context()))
	require.Empty(t, l.told, "its server may be about to do it")
	r.servers.end(first)
	for range 3 {
		require.NoError(t, recovery.once(t.Context()))
	}
	after, err := r.workflows.ByID(t.Context(), w.ID)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 0}, []int{after.RunCount, after.SuccessCount, after.FailureCount})
	require.Equal(t, []string{"shop " + run.ID + " completed"}, l.told)
	require.Len(t, l.entries, 1)
	require.Equal(t, []string{run.ID, "run.end", models.AuditSuccess}, []string{l.entries[0].ID, l.entries[0].Action, l.entries[0].Outcome})
	require.Equal(t, []notedEvent{{models.RunStream(run.ID), models.EventComplete, models.RunEnd{Status: models.RunCompleted}}}, events.list)
	v, err := r.versions.Get(t.Context(), w.ID, 1)
	require.NoError(t, err)
	require.Equal(t, models.RunCompleted, v.RunStatus)
}

// What could not be told is told later, and counted once.
func TestWhatFailedAtTheEndOfARunIsTriedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := &ledger{fail: true}
	r.exec.deps.Notifier = l
	w := r.draw("web:deployment")
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
	require.Error(t, NewRecovery(r.exec, r.runs, r.workflows).once(t.Context()))
	l.set(false)
	require.NoError(t, NewRecovery(r.exec, r.runs, r.workflows).once(t.Context()))
	require.NoError(t, NewRecovery(r.exec, r.runs, r.workflows).once(t.Context()))
	require.Len(t, l.told, 1)
	stored, err := r.workflows.ByID(t.Context(), w.ID)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, []int{stored.RunCount, stored.SuccessCount})
	left, err := r.runs.Unsettled(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
}

// The counters of a workflow add up, also with runs that began nothing.
func TestRunThatBeganNothingIsNotCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment")
	run := r.exec.newRun(w, models.RunDeploy)
	run.CancelRequested, run.Lease = true, ""
	require.NoError(t, r.runs.Begin(t.Context(), run))
	r.recover(r.exec)
	require.Equal(t, models.RunCancelled, r.eventually(w.ID, run.ID).Status)
	require.Eventually(t, func() bool {
		left, err := r.runs.Unsettled(t.Context())
		return err == nil && len(left) == 0
	}, 10*time.Second, 5*time.Millisecond)
	stored, err := r.workflows.ByID(t.Context(), w.ID)
	require.NoError(t, err)
	require.Equal(t, stored.RunCount, stored.SuccessCount+stored.FailureCount)
}

func TestReadersSeeARunAsItGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.AnswerAfter = time.Millisecond })
	events := &notedEvents{}
	r.exec.deps.Events = events
	w := r.draw("conf:configmap web:deployment conf>web")
	r.cluster.live.ail("web")
	goOn := make(chan struct{})
	r.cluster.apply = func(ctx context.Context, name string) error {
		if name == "web" {
			select {
			case <-goOn:
			case <-ctx.Done():
			}
		}
		return ctx.Err()
	}
	run, err := r.exec.Start(t.Context(), ann, w.ID, models.RunRequest{RunOptions: models.RunOptions{Wait: true}})
	require.NoError(t, err)
	of := func(name string) (found []any) {
		events.mu.Lock()
		defer events.mu.Unlock()
		for _, e := range events.list {
			if e.key == models.RunStream(run.ID) && e.name == name {
				found = append(found, e.data)
			}
		}
		return found
	}
	seen := func(name string, want func(any) bool) {
		t.Helper()
		require.Eventually(t, func() bool {
			for _, data := range of(name) {
				if want(data) {
					return true
				}
			}
			return false
		}, 10*time.Second, 10*time.Millisecond)
	}
	seen(models.EventRunNodes, func(data any) bool {
		s := data.(models.RunNodes).NodeStates
		return s["conf"].Status == models.NodeCompleted && s["web"].Status == models.NodeRunning
	})
	stored, err := r.runs.Get(t.Context(), w.ID, run.ID)
	require.NoError(t, err)
	require.Equal(t, models.NodeRunning, stored.NodeStates["web"].Status, "what is published is stored")
	close(goOn)
	seen(models.EventRunUpdate, func(data any) bool {
		u := data.(models.RunUpdate)
		return u.Phase == models.PhaseWait && u.Version == 1
	})
	require.Empty(t, of(models.EventComplete))
	r.cluster.live.ail()
	seen(models.EventComplete, func(data any) bool { return data == models.RunEnd{Status: models.RunCompleted} })

	var lines []string
	for _, data := range of(models.EventRunLog) {
		l := data.(models.RunLog)
		require.Equal(t, len(lines), l.From)
		lines = append(lines, l.Lines...)
	}
	done, err := r.runs.Get(t.Context(), w.ID, run.ID)
	require.NoError(t, err)
	require.Equal(t, done.Logs, lines, "every line once, in order")
}
