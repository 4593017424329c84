package run

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func typedSecret(node, key, value string) models.TriggerData {
	return models.TriggerData{Secrets: map[string]map[string]models.Secret{node: {key: models.NewSecret(value)}}}
}

func states(run models.Run) map[string]string {
	out := map[string]string{}
	for id, s := range run.NodeStates {
		out[id] = s.Status
	}
	return out
}

func TestRunAppliesAndCounts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment svc:service svc>web")
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	require.Equal(t, map[string]string{"web": "completed", "svc": "completed"}, states(run))
	require.Equal(t, "Deployment web, Service svc", r.cluster.names())
	require.Equal(t, 1, run.Version)
	for _, line := range run.Logs {
		require.Regexp(t, `^\[\d\d:\d\d:\d\d\] .`, line)
	}

	again := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, 2, again.Version)
	for id, s := range again.NodeStates {
		require.Equal(t, "unchanged", s.Result[0].Action, id)
	}
	stored, err := r.workflows.Get(t.Context(), ann, w.ID)
	require.NoError(t, err)
	require.Equal(t, []int{2, 2, 0, 2}, []int{stored.RunCount, stored.SuccessCount, stored.FailureCount, stored.CurrentVersion})
	v, err := r.versions.Get(t.Context(), w.ID, 2)
	require.NoError(t, err)
	require.Equal(t, models.RunCompleted, v.RunStatus)
	require.Equal(t, again.ID, v.RunID)
	list, err := r.exec.List(t.Context(), ann, w.ID, 10)
	require.NoError(t, err)
	require.Len(t, list, 2)
	_, err = r.exec.List(t.Context(), bob, w.ID, 10)
	require.Equal(t, models.NotFound, models.KindOf(err))
}

func TestRunIsRefusedBeforeAnythingHappens(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	draft := r.draw("web:deployment")
	status := models.WorkflowDraft
	_, err := r.workflows.Update(t.Context(), ann, draft.ID, models.WorkflowPatch{Status: &status}, models.Now())
	require.NoError(t, err)
	wrong := r.draw("a=Not_A_Name:deployment b:unknown")
	for name, tc := range map[string]struct {
		owner, id string
		kind      models.Kind
		text      []string
	}{
		"a draft":              {ann, draft.ID, models.Invalid, []string{"publish"}},
		"somebody else's":      {bob, draft.ID, models.NotFound, nil},
		"no such workflow":     {ann, "x", models.NotFound, nil},
		"all faults are named": {ann, wrong.ID, models.Invalid, []string{`"Not_A_Name"`, `"b"`, "unknown"}},
	} {
		_, err := r.exec.Run(t.Context(), tc.owner, tc.id, models.TriggerData{})
		require.Equal(t, tc.kind, models.KindOf(err), name)
		for _, part := range tc.text {
			require.Contains(t, err.Error(), part, name)
		}
	}
	for _, id := range []string{draft.ID, wrong.ID} {
		list, err := r.runs.List(t.Context(), id, 10)
		require.NoError(t, err)
		require.Empty(t, list)
	}
	require.Empty(t, r.cluster.names())
}

func TestRunNeedsAClusterOfTheOwner(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment")
	r.access = func() (models.ClusterGrant, error) { return models.ClusterGrant{}, noClusterHere() }
	_, err := r.exec.Run(t.Context(), ann, w.ID, models.TriggerData{})
	require.Equal(t, models.Invalid, models.KindOf(err))
	require.Contains(t, models.MessageOf(err), `"dev"`)
}

func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment")
	begun, goOn := make(chan struct{}), make(chan struct{})
	r.cluster.apply = func(ctx context.Context, name string) error {
		if name == "web" {
			close(begun)
			<-goOn
		}
		return ctx.Err()
	}
	ctx, leave := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { _, err := r.exec.Run(ctx, ann, w.ID, models.TriggerData{}); first <- err }()
	<-begun
	_, err := r.exec.Run(t.Context(), ann, w.ID, models.TriggerData{})
	require.Equal(t, models.Conflict, models.KindOf(err))
	_, err = r.executor(r.runs).Run(t.Context(), ann, w.ID, models.TriggerData{})
	require.Equal(t, models.Conflict, models.KindOf(err), "another process")

	// Whoever started the run leaves; it goes on.
	leave()
	require.ErrorIs(t, <-first, context.Canceled)
	running := r.running(w.ID)
	close(goOn)
	require.Equal(t, models.RunCompleted, r.eventually(w.ID, running.ID).Status)
}

func TestFailedNodeSkipsWhatDependsOnIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("conf:configmap web:deployment other:deployment conf>web")
	r.cluster.apply = func(_ context.Context, name string) error {
		if name == "conf" {
			return errors.New("quota exceeded")
		}
		return nil
	}
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunFailed, run.Status)
	require.Equal(t, map[string]string{"conf": "failed", "web": "skipped", "other": "completed"}, states(run))
	require.Contains(t, run.Error, `node "conf"`)
	stored, err := r.workflows.Get(t.Context(), ann, w.ID)
	require.NoError(t, err)
	require.Equal(t, 1, stored.FailureCount)
	require.Equal(t, models.WorkflowPublished, stored.Status)
	require.Equal(t, "error", models.AsData(stored.Nodes[0].Data[models.StatusKey])["state"])

	r.cluster.apply = nil
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
}

func TestLongRunIsAnsweredEarlyAndCanBeCancelled(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.AnswerAfter = time.Millisecond })
	w := r.draw("web:deployment svc:service svc>web")
	r.cluster.apply = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunRunning, run.Status)
	got, err := r.exec.Get(t.Context(), ann, w.ID, run.ID)
	require.NoError(t, err)
	require.Equal(t, models.RunRunning, got.Status)
	r.running(w.ID)

	require.Equal(t, models.NotFound, models.KindOf(r.exec.Cancel(t.Context(), bob, w.ID, run.ID)))
	require.NoError(t, r.exec.Cancel(t.Context(), ann, w.ID, run.ID))
	done := r.eventually(w.ID, run.ID)
	require.Equal(t, models.RunCancelled, done.Status)
	require.Equal(t, map[string]string{"web": "skipped", "svc": "skipped"}, states(done))
	require.Equal(t, models.Conflict, models.KindOf(r.exec.Cancel(t.Context(), ann, w.ID, run.ID)))
}

func TestRunInAnotherProcessCanBeCancelled(t *testing.T) {
	t.Parallel()
	r := newRig(t, quick)
	w := r.draw("web:deployment")
	r.cluster.apply = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	run := r.mustRun(w.ID, models.TriggerData{})
	require.NoError(t, r.executor(r.runs, quick).Cancel(t.Context(), ann, w.ID, run.ID))
	require.Equal(t, models.RunCancelled, r.eventually(w.ID, run.ID).Status)
}

func TestRunHasADeadline(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.Deadline = 300 * time.Millisecond })
	w := r.draw("web:deployment")
	r.cluster.apply = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunFailed, run.Status)
	require.Contains(t, run.Error, "longer than it may")
}

func TestPanicEndsTheRunOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment")
	r.cluster.apply = func(context.Context, string) error { panic("boom") }
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunFailed, run.Status)
	require.NotContains(t, run.Error, "boom")
}

func TestTypedValuesLeaveNoTrace(t *testing.T) {
	t.Parallel()
	const canary = "canary-5up3r"
	r := newRig(t)
	w := r.draw("pw:secret web:deployment")
	r.cluster.apply = func(_ context.Context, name string) error {
		if name == "web" {
			return errors.New("the server repeats " + canary)
		}
		return nil
	}
	typed := typedSecret("pw", "password", canary)
	typed.EnvVars = map[string]map[string]models.Secret{"web": {"TOKEN": models.NewSecret(canary), "UNLISTED": models.NewSecret(canary)}}
	run := r.mustRun(w.ID, typed)
	stored, err := r.runs.Get(t.Context(), w.ID, run.ID)
	require.NoError(t, err)
	doc, err := r.workflows.Get(t.Context(), ann, w.ID)
	require.NoError(t, err)
	for what, v := range map[string]any{"answer": run, "run": stored, "workflow": doc} {
		require.NotContains(t, dump(t, v), canary, what)
	}
	require.Equal(t, []models.TypedKeys{{NodeID: "pw", Keys: []string{"password"}}, {NodeID: "web", Keys: []string{"TOKEN", "UNLISTED"}}},
		stored.TriggerData.Typed)
	require.Contains(t, strings.Join(run.Logs, "\n"), `"UNLISTED" was not used`)
}

func TestSecretWaitsForItsValues(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("pw:secret web:deployment pw>web")
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	require.Equal(t, map[string]string{"pw": "pending", "web": "completed"}, states(run))
	require.Equal(t, "Deployment web", r.cluster.names())
	require.Equal(t, models.Data{"state": "pending", "created": false}, r.secretOf(w.ID))

	r.mustRun(w.ID, typedSecret("pw", "password", "x"))
	require.Equal(t, models.Data{"state": "created", "created": true}, r.secretOf(w.ID))
	run = r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, map[string]string{"pw": "completed", "web": "completed"}, states(run))
	require.Equal(t, "Deployment web, Secret pw", r.cluster.names())
}

// secretOf returns what the first node shows of its Secret.
func (r *rig) secretOf(id string) models.Data {
	r.t.Helper()
	w, err := r.workflows.Get(r.t.Context(), ann, id)
	require.NoError(r.t, err)
	data := w.Nodes[0].Data
	return models.Data{"state": data.Map(models.StatusKey)["state"], "created": data[models.SecretCreatedKey]}
}
