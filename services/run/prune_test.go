package run

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/workflow"
)

func dump(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func TestRunRemovesWhatLeftTheDrawing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment svc:service data:persistentvolumeclaim pw:secret svc>web")
	other := r.draw("x=theirs:deployment")
	r.mustRun(other.ID, models.TriggerData{})
	r.mustRun(w.ID, typedSecret("pw", "password", "abcdef"))
	const before = "Deployment theirs, Deployment web, PersistentVolumeClaim data, Secret pw, Service svc"
	require.Equal(t, before, r.cluster.names())

	r.save(w.ID, "web=shop:deployment")
	require.Equal(t, before, r.cluster.names(), "saving does not touch the cluster")
	r.cluster.listErr = errors.New("not now")
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	const after = "Deployment shop, Deployment theirs, PersistentVolumeClaim data, Secret pw"
	require.Equal(t, after, r.cluster.names(), "the inventory knows them, too")
	r.cluster.listErr = nil
	run = r.mustRun(w.ID, models.TriggerData{})
	require.Contains(t, strings.Join(run.Logs, "\n"), "PersistentVolumeClaim default/data left the drawing and is kept")
	require.Equal(t, after, r.cluster.names())
}

func TestFailedRunRemovesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment")
	r.mustRun(w.ID, models.TriggerData{})
	r.save(w.ID, "web=shop:deployment")
	r.cluster.apply = func(context.Context, string) error { return errors.New("no") }
	require.Equal(t, models.RunFailed, r.mustRun(w.ID, models.TriggerData{}).Status)
	require.Equal(t, "Deployment web", r.cluster.names())
	r.cluster.apply = nil
	r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, "Deployment shop", r.cluster.names())
}

func (r *rig) service() *workflow.Service {
	return workflow.NewService(r.workflows, r.exec, r, workflow.Eraser{}, models.AccountLimits{})
}

func TestArchivingTearsDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	svc, archived := r.service(), models.WorkflowArchived
	w := r.draw("web:deployment svc:service data:persistentvolumeclaim pw:secret svc>web")
	r.mustRun(w.ID, typedSecret("pw", "password", "abcdef"))
	require.NoError(t, r.workflows.SetNodeStatus(t.Context(), w.ID, "web", map[string]any{"state": "healthy"}, nil))
	got, warning, err := svc.Update(t.Context(), ann, w.ID, models.WorkflowPatch{Status: &archived})
	require.NoError(t, err)
	require.Equal(t, models.WorkflowArchived, got.Status)
	require.Contains(t, warning, "PersistentVolumeClaim default/data")
	require.Contains(t, warning, "have to be typed again: Secret default/pw")
	require.Equal(t, "PersistentVolumeClaim data", r.cluster.names())
	shown, err := r.workflows.Get(t.Context(), ann, w.ID)
	require.NoError(t, err)
	require.NotContains(t, shown.Nodes[0].Data, models.StatusKey, "what is gone has no status")
	_, err = r.exec.Run(t.Context(), ann, w.ID, models.TriggerData{})
	require.Equal(t, models.Invalid, models.KindOf(err))

	published := models.WorkflowPublished
	_, _, err = svc.Update(t.Context(), ann, w.ID, models.WorkflowPatch{Status: &published})
	require.NoError(t, err)
	again := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, again.Status)
	require.Equal(t, "waits for its values", again.NodeStates["pw"].Message)
	require.Equal(t, "Deployment web, PersistentVolumeClaim data, Service svc", r.cluster.names())
}

func TestArchivingEndsARunFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment svc:service svc>web")
	r.mustRun(w.ID, models.TriggerData{})
	r.cluster.apply = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	started := make(chan models.Run, 1)
	go func() { run, _ := r.exec.Run(t.Context(), ann, w.ID, models.TriggerData{}); started <- run }()
	r.running(w.ID)
	require.Equal(t, models.Conflict, models.KindOf(r.service().Delete(t.Context(), ann, w.ID)))
	archived := models.WorkflowArchived
	_, warning, err := r.service().Update(t.Context(), ann, w.ID, models.WorkflowPatch{Status: &archived})
	require.NoError(t, err)
	require.Empty(t, warning)
	require.Equal(t, models.RunCancelled, (<-started).Status)
	require.Empty(t, r.cluster.names())
	require.NoError(t, r.service().Delete(t.Context(), ann, w.ID))
}

func TestSlowTearDownGoesOnInTheBackground(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.AnswerAfter = 500 * time.Millisecond })
	w := r.draw("web:deployment")
	r.mustRun(w.ID, models.TriggerData{})
	goOn := make(chan struct{})
	r.cluster.remove = func(context.Context) { <-goOn }
	require.Contains(t, r.exec.TearDown(t.Context(), w, false), "still being removed")
	require.Contains(t, r.exec.TearDown(t.Context(), w, false), "being removed already")
	running, err := r.runs.Running(t.Context(), w.ID)
	require.NoError(t, err)
	_, err = r.exec.Run(t.Context(), ann, w.ID, models.TriggerData{})
	require.Equal(t, models.Conflict, models.KindOf(err), "nothing is applied that would be removed at once")
	close(goOn)
	require.Equal(t, models.RunCompleted, r.eventually(w.ID, running.ID).Status)
	require.Empty(t, r.cluster.names())
}

func TestArchivingSaysWhatWentWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment")
	r.mustRun(w.ID, models.TriggerData{})
	r.cluster.listErr = errors.New("connection refused")
	archived := models.WorkflowArchived
	_, warning, err := r.service().Update(t.Context(), ann, w.ID, models.WorkflowPatch{Status: &archived})
	require.NoError(t, err)
	require.Contains(t, warning, "not all removed")
	require.Equal(t, "Deployment web", r.cluster.names(), "a list that failed is not an empty one")
}

func TestPanicWhileListingEndsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment")
	r.cluster.listing = func() { panic("boom") }
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	logs := strings.Join(run.Logs, "\n")
	require.Contains(t, logs, "could not look for objects")
	require.NotContains(t, logs, "boom")
	require.Contains(t, r.exec.TearDown(t.Context(), w, false), "fault in the server")
}

func TestRunOfAnEmptyDrawingCleansUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("")
	_, err := r.exec.Run(t.Context(), ann, w.ID, models.TriggerData{})
	require.Equal(t, models.Invalid, models.KindOf(err), "nothing was ever drawn")

	r.save(w.ID, "web:deployment svc:service data:persistentvolumeclaim svc>web")
	r.mustRun(w.ID, models.TriggerData{})
	r.save(w.ID, "")
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	require.Equal(t, "PersistentVolumeClaim data", r.cluster.names())
	_, err = r.exec.Run(t.Context(), ann, w.ID, models.TriggerData{})
	require.Equal(t, models.Invalid, models.KindOf(err), "there is nothing left to remove")
}
