package repositories_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

func TestClusterLogs(t *testing.T) {
	t.Parallel()
	at := now()
	logs := repositories.NewClusterLogs(dbtest.Open(t).Database())
	for n := range 5 {
		for _, cluster := range []string{"a", "b"} {
			require.NoError(t, logs.Add(t.Context(), models.ClusterLogEntry{
				ID: fmt.Sprint(cluster, n), ClusterID: cluster, Action: models.ClusterLogTested, Level: models.LogInfo, Success: true,
				Details: map[string]string{"n": fmt.Sprint(n)}, Timestamp: at.Add(time.Duration(n/2) * time.Second),
			}))
		}
	}
	list, err := logs.List(t.Context(), "a", 4)
	require.NoError(t, err)
	var ids []string
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	require.Equal(t, []string{"a4", "a3", "a2", "a1"}, ids, "the newest first, in one order even within a moment")
	require.Equal(t, models.ClusterLogEntry{
		ID: "a4", ClusterID: "a", Action: models.ClusterLogTested, Level: models.LogInfo, Success: true,
		Details: map[string]string{"n": "4"}, Timestamp: at.Add(2 * time.Second),
	}, list[0])

	require.NoError(t, logs.DeleteByCluster(t.Context(), "a"))
	list, err = logs.List(t.Context(), "a", 10)
	require.NoError(t, err)
	require.Equal(t, []models.ClusterLogEntry{}, list)
	list, err = logs.List(t.Context(), "b", 10)
	require.NoError(t, err)
	require.Len(t, list, 5)
}

func TestClusterLogsExpireAsConfigured(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, keep := range []time.Duration{24 * time.Hour, 48 * time.Hour} {
		db, err := database.Open(t.Context(), database.Config{DataDir: dir, ClusterLogTTL: keep})
		require.NoError(t, err)
		require.NoError(t, db.EnsureIndexes(t.Context()))
		specs, err := db.Database().Collection(database.ClusterLogs).Indexes().ListSpecifications(t.Context())
		require.NoError(t, err)
		var after []int32
		for _, spec := range specs {
			if spec.ExpireAfterSeconds != nil {
				after = append(after, *spec.ExpireAfterSeconds)
			}
		}
		require.Equal(t, []int32{int32(keep.Seconds())}, after)
		require.NoError(t, db.Close(t.Context()))
	}
}
