package run

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// One node is applied as it is drawn, is a version, and its object counts as applied
// from that.
func TestApplyNode(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment svc:service svc>web")
	r.mustRun(w.ID, models.TriggerData{})
	before, err := r.workflows.Inventory(t.Context(), w.ID)
	require.NoError(t, err)

	w, err = r.workflows.Get(t.Context(), ann, w.ID)
	require.NoError(t, err)
	_, err = r.exec.ApplyNode(t.Context(), w, "svc", true)
	require.NoError(t, err)
	unchanged, err := r.workflows.Inventory(t.Context(), w.ID)
	require.NoError(t, err)
	require.Equal(t, before, unchanged, "a dry run is nothing")

	changes, err := r.exec.ApplyNode(t.Context(), w, "svc", false)
	require.NoError(t, err)
	require.Len(t, changes, 1)
	after, err := r.workflows.Inventory(t.Context(), w.ID)
	require.NoError(t, err)
	require.Len(t, after, len(before))
	for i, o := range after {
		if o.Kind == "Service" {
			require.Equal(t, before[i].Applied.Version+1, o.Applied.Version)
			o.Applied = before[i].Applied
		}
		require.Equal(t, before[i], o)
	}
	v, err := r.versions.Get(t.Context(), w.ID, 2)
	require.NoError(t, err)
	require.True(t, v.IsAutomatic)
}

func TestApplyNodeRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.draw("web:deployment svc:service pw:secret")
	for node, what := range map[string]string{"none": "no such node", "pw": "typed values"} {
		_, err := r.exec.ApplyNode(t.Context(), w, node, false)
		require.Equal(t, models.Invalid, models.KindOf(err), what)
	}
	draft := w
	draft.Status = models.WorkflowDraft
	_, err := r.exec.ApplyNode(t.Context(), draft, "svc", false)
	require.Equal(t, models.Invalid, models.KindOf(err))

	run := r.exec.newRun(w, models.RunDeploy)
	require.NoError(t, r.runs.Begin(t.Context(), run))
	_, err = r.exec.ApplyNode(t.Context(), w, "svc", false)
	require.Equal(t, models.Conflict, models.KindOf(err))
	require.Contains(t, models.MessageOf(err), run.ID)
}
