package workflow

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// The second of two people is told what the first one changed.
func TestSecondSaverIsToldWhatChanged(t *testing.T) {
	t.Parallel()
	r := newRig(t, models.AccountLimits{})
	ctx := t.Context()
	w := r.drawn(t, box("web", "deployment", "shop"), box("db", "statefulset", "shop"))
	read := w.Revision
	nodes := []models.Node{box("web", "deployment", "shop", "image", "nginx:2"), box("db", "statefulset", "shop")}
	edges := []models.Edge{{ID: "e1", Source: "web", Target: "db"}}
	first, _, err := r.workflows.Update(ctx, ann, w.ID, models.WorkflowPatch{Nodes: &nodes, Edges: &edges, IfRevision: &read})
	require.NoError(t, err)

	mine, name, none := w.Nodes, "store", []models.Edge{}
	_, _, err = r.workflows.Update(ctx, ann, w.ID, models.WorkflowPatch{Name: &name, Nodes: &mine, Edges: &none, IfRevision: &read})
	require.Equal(t, models.Conflict, models.KindOf(err))
	told := conflictIn(t, err)
	require.Equal(t, models.ETag(first.Revision), told.ETag)
	require.Equal(t, []string{"web"}, told.Nodes)
	require.Equal(t, []string{"e1"}, told.Edges)
	require.Equal(t, map[string]string{"name": "shop"}, told.Fields)
	require.Contains(t, models.MessageOf(err), "nodes that differ from yours: web; edges that differ from yours: e1; fields that differ from yours: name")

	_, err = r.versions.Create(ctx, ann, w.ID, models.VersionNotes{})
	require.NoError(t, err)
	_, _, err = r.versions.Restore(ctx, ann, w.ID, 1, &read)
	require.Equal(t, models.Conflict, models.KindOf(err))
	require.Equal(t, models.ETag(first.Revision), conflictIn(t, err).ETag)
	_, _, err = r.workflows.Update(ctx, ann, w.ID, models.WorkflowPatch{Nodes: &mine, Edges: &none})
	require.NoError(t, err, "without a revision the last write wins")
	_, restored, err := r.versions.Restore(ctx, ann, w.ID, 1, nil)
	require.NoError(t, err)
	require.Equal(t, "nginx:2", restored.Nodes[0].Data["image"])
}

func conflictIn(t *testing.T, err error) models.WorkflowConflict {
	t.Helper()
	var e *models.Error
	require.ErrorAs(t, err, &e)
	told, ok := e.Extra.(models.WorkflowConflict)
	require.True(t, ok)
	return told
}

// Versions of people and of runs, and saves, at once: the numbers have no gap.
func TestVersionsAtOnceAreConsecutive(t *testing.T) {
	t.Parallel()
	r := newRig(t, models.AccountLimits{})
	ctx := t.Context()
	w := r.drawn(t, box("web", "deployment", "shop"))
	const each = 25
	var all sync.WaitGroup
	for i := range each {
		all.Go(func() {
			nodes := []models.Node{box("web", "deployment", "shop", "replicas", int64(i))}
			if _, _, err := r.workflows.Update(ctx, ann, w.ID, models.WorkflowPatch{Nodes: &nodes}); err != nil {
				t.Error(err)
			}
			if _, err := r.versions.Create(ctx, ann, w.ID, models.VersionNotes{}); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			v, err := r.versions.history.Add(ctx, models.Version{ID: models.NewID(), WorkflowID: w.ID, IsAutomatic: true, CreatedBy: ann})
			if err == nil {
				err = r.documents.RaiseVersion(ctx, w.ID, v.Number)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	page, err := r.versions.List(ctx, ann, w.ID, 1, 2*each)
	require.NoError(t, err)
	require.EqualValues(t, 2*each, page.Total)
	for i, v := range page.Versions {
		require.Equal(t, 2*each-i, v.Number)
	}
	got, err := r.workflows.Get(ctx, ann, w.ID)
	require.NoError(t, err)
	require.Equal(t, 2*each, got.CurrentVersion)
}

// What was stored once can be restored, although it could not be saved today, and
// while a run goes on.
func TestOldVersionsAreRestored(t *testing.T) {
	t.Parallel()
	r := newRig(t, models.AccountLimits{})
	ctx := t.Context()
	w := r.drawn(t, box("web", "deployment", "shop"))
	nodes := []models.Node{{ID: "old", Type: "kind-of-the-past", Data: models.Data{"name": "old"}}}
	for i := range models.MaxNodes {
		nodes = append(nodes, models.Node{ID: fmt.Sprint(i), Type: "configmap", Data: models.Data{}})
	}
	v, err := r.versions.history.Add(ctx, models.Version{ID: models.NewID(), WorkflowID: w.ID, CreatedBy: ann, Nodes: nodes})
	require.NoError(t, err)
	r.running.running = true
	made, restored, err := r.versions.Restore(ctx, ann, w.ID, v.Number, nil)
	require.NoError(t, err)
	require.Len(t, restored.Nodes, len(nodes))
	require.Equal(t, v.Number, made.RestoredFrom)
	require.Equal(t, v.Number+1, made.Number)
	_, _, err = r.versions.Restore(ctx, ann, w.ID, 99, nil)
	require.Equal(t, models.NotFound, models.KindOf(err))
	_, _, err = r.versions.Restore(ctx, bob, w.ID, v.Number, nil)
	require.Equal(t, models.NotFound, models.KindOf(err))
}
