package workflow

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func TestAccountsHaveSoManyWorkflows(t *testing.T) {
	t.Parallel()
	r := newRig(t, models.AccountLimits{Workflows: 3})
	ctx := t.Context()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := r.workflows.Create(ctx, ann, models.WorkflowInput{Name: "shop", ClusterID: "dev"})
			if err != nil && models.KindOf(err) != models.Conflict {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := r.workflows.List(ctx, ann)
	require.NoError(t, err)
	require.LessOrEqual(t, len(list), 3)
	for range 3 - len(list) {
		r.create(t, ann)
	}
	list, err = r.workflows.List(ctx, ann)
	require.NoError(t, err)
	_, _, err = r.workflows.Clone(ctx, ann, list[0].ID, models.WorkflowClone{Name: "copy"})
	require.Equal(t, models.Conflict, models.KindOf(err))
	require.Contains(t, models.MessageOf(err), "3 workflows")
	r.create(t, bob)

	require.NoError(t, r.workflows.Delete(ctx, ann, list[0].ID))
	r.create(t, ann)
	_, err = r.workflows.Restore(ctx, ann, list[0].ID)
	require.Equal(t, models.Conflict, models.KindOf(err), "restoring counts, too")
}

func TestWorkflowsHaveSoManyVersions(t *testing.T) {
	t.Parallel()
	r := newRig(t, models.AccountLimits{Versions: 2})
	ctx := t.Context()
	w := r.create(t, ann)
	for range 2 {
		_, err := r.versions.Create(ctx, ann, w.ID, models.VersionNotes{})
		require.NoError(t, err)
	}
	_, err := r.versions.Create(ctx, ann, w.ID, models.VersionNotes{})
	require.Equal(t, models.Conflict, models.KindOf(err))
	_, _, err = r.versions.Restore(ctx, ann, w.ID, 1, nil)
	require.Equal(t, models.Conflict, models.KindOf(err))
	_, err = r.versions.history.Add(ctx, models.Version{ID: models.NewID(), WorkflowID: w.ID, IsAutomatic: true, CreatedBy: ann})
	require.NoError(t, err, "a run is not refused")
	require.NoError(t, r.versions.Delete(ctx, ann, w.ID, 1))
	require.NoError(t, r.versions.Delete(ctx, ann, w.ID, 2))
	_, err = r.versions.Create(ctx, ann, w.ID, models.VersionNotes{})
	require.NoError(t, err)
}

func TestAccountsStoreSoManyBytes(t *testing.T) {
	t.Parallel()
	r := newRig(t, models.AccountLimits{StoredBytes: 400_000})
	ctx := t.Context()
	w := r.create(t, ann)
	graph := []models.Node{{ID: "n1", Type: "configmap", Data: models.Data{"text": strings.Repeat("x", 150_000)}}}
	patch := models.WorkflowPatch{Nodes: &graph, Edges: &[]models.Edge{}}
	_, _, err := r.workflows.Update(ctx, ann, w.ID, patch)
	require.NoError(t, err)
	for range 2 {
		_, err = r.versions.Create(ctx, ann, w.ID, models.VersionNotes{})
		require.NoError(t, err)
	}
	u, err := r.documents.Usage(ctx, ann)
	require.NoError(t, err)
	require.InDelta(t, 450_000, u.StoredBytes, 5000)

	full := func(err error) {
		t.Helper()
		require.Equal(t, models.InsufficientStorage, models.KindOf(err), "%v", err)
		require.Contains(t, models.MessageOf(err), "storage of this account is full")
	}
	_, _, err = r.workflows.Update(ctx, ann, w.ID, patch)
	full(err)
	_, _, err = r.workflows.Clone(ctx, ann, w.ID, models.WorkflowClone{Name: "copy"})
	full(err)
	_, err = r.versions.Create(ctx, ann, w.ID, models.VersionNotes{})
	full(err)
	_, err = r.versions.history.Add(ctx, models.Version{WorkflowID: w.ID, IsAutomatic: true, CreatedBy: ann})
	full(err)
	name := "renamed"
	_, _, err = r.workflows.Update(ctx, ann, w.ID, models.WorkflowPatch{Name: &name})
	require.NoError(t, err)
	_, _, err = r.workflows.Update(ctx, ann, w.ID, models.WorkflowPatch{Nodes: &[]models.Node{}, Edges: &[]models.Edge{}})
	require.NoError(t, err, "an empty drawing frees space")
	_, _, err = r.workflows.Update(ctx, ann, w.ID, patch)
	require.NoError(t, err)
	r.create(t, bob)

	require.NoError(t, r.workflows.Erase(ctx, ann, w.ID))
	r.create(t, ann)
}
