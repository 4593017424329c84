package repositories_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

func TestOnlyTheLastFenceStoresStatuses(t *testing.T) {
	t.Parallel()
	first, second := models.WatchFence{ClusterID: "c1", Fence: 3}, models.WatchFence{ClusterID: "c1", Fence: 7}
	w := workflow(node("n1", models.Data{}), node("n2", models.Data{}))
	store := openWorkflows(t, w)
	put := func(by models.WatchFence, node, state string) error {
		return store.SetWatchedStatus(t.Context(), by, w.ID, node, map[string]any{"state": state}, nil)
	}
	stored := func() any {
		got, err := store.ByID(t.Context(), w.ID)
		require.NoError(t, err)
		return got.Nodes[0].Data[models.StatusKey]
	}
	require.Equal(t, models.Conflict, kindOf(t, put(first, "n1", "a")), "the fence was not raised")
	got, err := store.RaiseWatchFence(t.Context(), w.ID, first)
	require.NoError(t, err)
	require.Equal(t, first, got.WatchFence)
	require.NoError(t, put(first, "n1", "a"))

	got, err = store.RaiseWatchFence(t.Context(), w.ID, second)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"state": "a"}, got.Nodes[0].Data[models.StatusKey])
	require.Equal(t, models.Conflict, kindOf(t, put(first, "n1", "b")), "although the second server has stored nothing")
	_, err = store.RaiseWatchFence(t.Context(), w.ID, first)
	require.Equal(t, models.Conflict, kindOf(t, err))
	require.Equal(t, map[string]any{"state": "a"}, stored())
	require.NoError(t, put(second, "n1", "c"))
	require.NoError(t, put(second, "gone", "c"), "the node was deleted")
	require.NoError(t, put(models.WatchFence{}, "n1", "of a run"))
	require.Equal(t, map[string]any{"state": "of a run"}, stored())

	require.NoError(t, store.ClearStatuses(t.Context(), w.ID))
	require.Equal(t, models.Conflict, kindOf(t, put(second, "n1", "made before the objects were removed")))
	require.Nil(t, stored())

	elsewhere := models.WatchFence{ClusterID: "c2", Fence: 1}
	_, err = store.RaiseWatchFence(t.Context(), w.ID, second)
	require.NoError(t, err)
	_, err = store.RaiseWatchFence(t.Context(), w.ID, elsewhere)
	require.NoError(t, err, "fences of different clusters are not compared")
	require.Equal(t, models.Conflict, kindOf(t, put(second, "n1", "d")))

	require.NoError(t, store.Delete(t.Context(), owner, w.ID, now()))
	require.NoError(t, put(second, "n1", "d"))
	_, err = store.RaiseWatchFence(t.Context(), w.ID, second)
	require.Equal(t, models.NotFound, kindOf(t, err))
}

func TestWishesForACluster(t *testing.T) {
	t.Parallel()
	store := repositories.NewWatches(dbtest.Open(t).Database())
	in := func(d time.Duration) time.Time { return now().Add(d) }
	for _, w := range []models.WatchWish{
		{WorkflowID: "w1", ClusterID: "c1", Until: in(time.Hour)}, {WorkflowID: "w2", ClusterID: "c1", Until: in(time.Hour)},
		{WorkflowID: "w3", ClusterID: "c2", Until: in(time.Hour)}, {WorkflowID: "w1", ClusterID: "c2", Until: in(time.Minute)},
	} {
		require.NoError(t, store.Want(t.Context(), w))
	}
	ids, err := store.WantedIn(t.Context(), "c1")
	require.NoError(t, err)
	require.Equal(t, []string{"w2"}, ids)
	ids, err = store.WantedIn(t.Context(), "c2")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"w1", "w3"}, ids)
}
