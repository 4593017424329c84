package repositories_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

func TestVersionNumbersHaveNoGaps(t *testing.T) {
	t.Parallel()
	store := repositories.NewVersions(dbtest.Open(t).Database())
	const count = 12
	var all sync.WaitGroup
	for range count {
		all.Go(func() {
			_, err := store.Add(t.Context(), models.Version{ID: models.NewID(), WorkflowID: workflowID, CreatedAt: now()})
			if err != nil {
				t.Errorf("add: %v", err)
			}
		})
	}
	all.Wait()
	list, total, err := store.List(t.Context(), workflowID, 1, 50)
	require.NoError(t, err)
	require.EqualValues(t, count, total)
	for i, v := range list {
		require.Equal(t, count-i, v.Number)
	}
	page, _, err := store.List(t.Context(), workflowID, 2, 5)
	require.NoError(t, err)
	require.Equal(t, 7, page[0].Number)
}

func TestVersionIsStoredOnce(t *testing.T) {
	t.Parallel()
	store := repositories.NewVersions(dbtest.Open(t).Database())
	v := models.Version{ID: models.NewID(), WorkflowID: workflowID, CreatedAt: now()}
	for range 2 {
		stored, err := store.Add(t.Context(), v)
		require.NoError(t, err)
		require.Equal(t, 1, stored.Number)
		next, err := store.Add(t.Context(), models.Version{ID: models.NewID(), WorkflowID: models.NewID(), CreatedAt: now()})
		require.NoError(t, err)
		require.Equal(t, 1, next.Number, "of another workflow")
	}
}

func TestVersionKeepsItsGraph(t *testing.T) {
	t.Parallel()
	store := repositories.NewVersions(dbtest.Open(t).Database())
	v, err := store.Add(t.Context(), models.Version{
		ID: models.NewID(), WorkflowID: workflowID, CreatedAt: now(), CreatedBy: owner, RunStatus: models.RunRunning,
		Nodes: []models.Node{node("n1", models.Data{"a.b": []any{int64(1)}})}, Edges: []models.Edge{},
	})
	require.NoError(t, err)
	got, err := store.Get(t.Context(), workflowID, 1)
	require.NoError(t, err)
	require.Equal(t, v, got)

	name := "release"
	require.NoError(t, store.SetRunStatus(t.Context(), workflowID, 1, models.RunCompleted))
	got, err = store.SetNotes(t.Context(), workflowID, 1, models.VersionNotes{Name: &name})
	require.NoError(t, err)
	require.Equal(t, "release", got.Name)
	require.Equal(t, models.RunCompleted, got.RunStatus)
	require.Equal(t, v.Nodes, got.Nodes)
	_, err = store.Get(t.Context(), workflowID, 2)
	require.Equal(t, models.NotFound, kindOf(t, err))
	_, err = store.SetNotes(t.Context(), workflowID, 2, models.VersionNotes{Name: &name})
	require.Equal(t, models.NotFound, kindOf(t, err))
}

func TestListsOfVersionsReadNoGraphs(t *testing.T) {
	t.Parallel()
	store := repositories.NewVersions(dbtest.Open(t).Database())
	large := models.Data{"text": strings.Repeat("x", 1<<20)}
	for range 3 {
		_, err := store.Add(t.Context(), models.Version{
			ID: models.NewID(), WorkflowID: workflowID, CreatedAt: now(), Name: "n", IsAutomatic: true, RunStatus: models.RunFailed,
			Nodes: []models.Node{node("n1", large), node("n2", nil)}, Edges: []models.Edge{{ID: "e", Source: "n1", Target: "n2"}},
		})
		require.NoError(t, err)
	}
	list, _, err := store.List(t.Context(), workflowID, 1, 50)
	require.NoError(t, err)
	raw, err := json.Marshal(list)
	require.NoError(t, err)
	require.Less(t, len(raw), 2000)
	require.Len(t, list[0].Nodes, 2, "lists count nodes by length")
	require.NotNil(t, list[0].Edges)
	require.Equal(t, models.RunFailed, list[0].RunStatus)
}
