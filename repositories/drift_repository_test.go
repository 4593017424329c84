package repositories_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

func TestDriftOfAWorkflow(t *testing.T) {
	t.Parallel()
	r := repositories.NewDrifts(dbtest.Open(t).Database())
	empty, err := r.Get(t.Context(), "w1")
	require.NoError(t, err)
	require.Equal(t, models.DriftSettings{Mode: models.DriftShow, Ignored: map[string][]string{}}, empty.DriftSettings)
	require.Empty(t, empty.Nodes)

	at := now()
	found := models.DriftFindings{
		CheckedAt: at, Corrections: map[string][]time.Time{"a.b": {at}},
		Nodes: []models.NodeDrift{{
			NodeID: "a.b", Drifted: true, Since: at, LastSeen: at,
			Correction: &models.DriftCorrection{State: models.CorrectionBegun, Count: 1, LastAt: &at},
			Objects: []models.ObjectDiff{{Kind: "Thing", Action: "configured", Changes: []models.FieldChange{
				{Path: "spec", From: map[string]any{"$ref": "x", "a.b": []any{true, nil, "é"}}},
			}}},
		}},
	}
	require.NoError(t, r.Store(t.Context(), "w1", models.WatchFence{}, found))
	settings := models.DriftSettings{Mode: models.DriftCorrect, Ignored: map[string][]string{"a.b": {"spec.replicas"}}}
	require.NoError(t, r.SetSettings(t.Context(), "w1", settings))
	require.NoError(t, r.SetSettings(t.Context(), "w2", settings))
	got, err := r.Get(t.Context(), "w1")
	require.NoError(t, err)
	require.Equal(t, models.DriftRecord{
		WorkflowID: "w1", DriftSettings: settings, Nodes: found.Nodes, Corrections: found.Corrections, CheckedAt: &at,
	}, got)

	ids, err := r.InMode(t.Context(), models.DriftCorrect)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"w1", "w2"}, ids)

	nodes, err := r.Clear(t.Context(), "w1")
	require.NoError(t, err)
	require.Equal(t, []string{"a.b"}, nodes)
	got, err = r.Get(t.Context(), "w1")
	require.NoError(t, err)
	require.Empty(t, got.Nodes)
	require.Empty(t, got.Corrections)
	require.Equal(t, settings, got.DriftSettings, "what the owner wants stays")
	for _, id := range []string{"w1", "never"} {
		nodes, err = r.Clear(t.Context(), id)
		require.NoError(t, err)
		require.Empty(t, nodes)
	}

	require.NoError(t, r.DeleteByWorkflow(t.Context(), "w1"))
	ids, err = r.InMode(t.Context(), models.DriftCorrect)
	require.NoError(t, err)
	require.Equal(t, []string{"w2"}, ids)
}

func TestOnlyTheLastFenceStoresDrift(t *testing.T) {
	t.Parallel()
	r := repositories.NewDrifts(dbtest.Open(t).Database())
	first, second := models.WatchFence{ClusterID: "c1", Fence: 3}, models.WatchFence{ClusterID: "c1", Fence: 7}
	store := func(by models.WatchFence, nodes ...string) error {
		f := models.DriftFindings{CheckedAt: now()}
		for _, id := range nodes {
			f.Nodes = append(f.Nodes, models.NodeDrift{NodeID: id})
		}
		return r.Store(t.Context(), "w1", by, f)
	}
	require.Equal(t, models.Conflict, models.KindOf(store(first, "a")), "the fence was not raised")
	_, err := r.Raise(t.Context(), "w1", first)
	require.NoError(t, err)
	require.NoError(t, store(first, "a"))

	got, err := r.Raise(t.Context(), "w1", second)
	require.NoError(t, err)
	require.Len(t, got.Nodes, 1)
	require.Equal(t, models.Conflict, models.KindOf(store(first)), "although the second has stored nothing")
	_, err = r.Raise(t.Context(), "w1", first)
	require.Equal(t, models.Conflict, models.KindOf(err))
	_, err = r.Raise(t.Context(), "w1", second)
	require.NoError(t, err, "again")
	require.NoError(t, store(second))

	_, err = r.Raise(t.Context(), "w1", models.WatchFence{ClusterID: "c2", Fence: 1})
	require.NoError(t, err, "fences of different clusters are not compared")
	require.Equal(t, models.Conflict, models.KindOf(store(second, "a")))

	require.NoError(t, r.SetSettings(t.Context(), "w2", models.DriftSettings{Mode: models.DriftOff}))
	_, err = r.Raise(t.Context(), "w2", first)
	require.NoError(t, err, "what people have set before any server")
	require.NoError(t, r.Store(t.Context(), "w2", first, models.DriftFindings{CheckedAt: now()}))
}
