package cluster

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

// grants permits everything on one cluster that the grant permits.
type grants models.ClusterGrant

func (g grants) Require(context.Context, string, string, models.ClusterAction) (models.ClusterGrant, error) {
	return models.ClusterGrant(g), nil
}

func newClusterLog(t *testing.T) (*Log, *repositories.ClusterLogs) {
	t.Helper()
	store := repositories.NewClusterLogs(dbtest.Open(t).Database())
	return NewLog(store, slog.New(slog.DiscardHandler)), store
}

func TestClusterLogFillsIn(t *testing.T) {
	t.Parallel()
	diary, store := newClusterLog(t)
	ctx, cancel := context.WithCancel(models.WithIdentity(t.Context(), models.Identity{UserID: "ann"}))
	cancel()
	diary.Add(ctx, models.ClusterLogEntry{ClusterID: "c", Action: models.ClusterLogTested, Message: "m", Error: "e"})
	list, err := store.List(t.Context(), "c", 10)
	require.NoError(t, err)
	require.Len(t, list, 1, "written although the caller is gone")
	require.NotEmpty(t, list[0].ID)
	require.WithinDuration(t, time.Now(), list[0].Timestamp, time.Minute)
	require.Equal(t, "ann", list[0].UserID)
	require.Equal(t, models.LogError, list[0].Level)
}

func TestClusterLogOfStates(t *testing.T) {
	t.Parallel()
	diary, store := newClusterLog(t)
	news := AllNews{nobody{}, diary}
	// Whoever has a check done is not who changed the state.
	ctx := models.WithIdentity(t.Context(), models.Identity{UserID: "ann"})
	for _, c := range []models.Cluster{
		{ID: "c", Status: models.ClusterDisconnected, LastError: "no route"},
		{ID: "c", Status: models.ClusterError, LastError: "no rights"},
		{ID: "c", Status: models.ClusterConnected},
	} {
		news.Changed(ctx, c)
	}
	list, err := store.List(t.Context(), "c", 10)
	require.NoError(t, err)
	var seen []string
	for _, e := range list {
		require.Equal(t, models.ClusterLogStatus, e.Action)
		require.Empty(t, e.UserID)
		seen = append(seen, e.Level+" "+e.Error)
	}
	require.ElementsMatch(t, []string{"info ", "error no rights", "warning no route"}, seen)
	news.Removed(ctx, models.Cluster{ID: "c"})
	list, err = store.List(t.Context(), "c", 10)
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestClusterLogNamesOthersToThoseWhoMayKnow(t *testing.T) {
	t.Parallel()
	diary, store := newClusterLog(t)
	for _, who := range []string{"owner", "ann", "bob", ""} {
		diary.Add(t.Context(), models.ClusterLogEntry{
			ClusterID: "c", UserID: who, Action: models.ClusterLogDeployed, Success: true, Details: map[string]string{"by": who},
		})
	}
	for role, want := range map[string][]string{
		models.ClusterOwner:  {"owner", "ann", "bob", ""},
		models.ClusterAdmin:  {"owner", "ann", "bob", ""},
		models.ClusterEditor: {"owner", "ann", "", ""},
		models.ClusterViewer: {"owner", "ann", "", ""},
	} {
		g := grants{Cluster: models.Cluster{ID: "c", Name: "prod", OwnerID: "owner"}, Role: role}
		list, err := NewLogReader(store, g).List(t.Context(), "ann", "prod", 10)
		require.NoError(t, err)
		require.Equal(t, "prod", list.Cluster)
		var named []string
		for _, e := range list.Logs {
			named = append(named, e.UserID)
			require.Equal(t, e.UserID, e.Details["by"])
		}
		require.ElementsMatch(t, want, named, role)
	}
}

// brokenLogs is a store that is out of order.
type brokenLogs struct{ *repositories.ClusterLogs }

func (brokenLogs) Add(context.Context, models.ClusterLogEntry) error { return errors.New("disk full") }
func (brokenLogs) DeleteByCluster(context.Context, string) error     { return errors.New("disk full") }

func TestClusterLogThatCannotBeWrittenHarmsNothing(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	diary := NewLog(brokenLogs{}, slog.New(slog.NewTextHandler(&log, nil)))
	diary.Add(t.Context(), models.ClusterLogEntry{ClusterID: "c"})
	diary.Removed(t.Context(), models.Cluster{ID: "c"})
	require.Equal(t, 2, strings.Count(log.String(), "disk full"), log.String())
}

func TestWhatAPatchMentions(t *testing.T) {
	t.Parallel()
	name, on := "n", true
	p := models.ClusterPatch{DisplayName: &name, SingleNode: &on, Credentials: &models.ClusterCredentials{Namespace: "x", Insecure: true}}
	require.Equal(t, []string{"displayName", "singleNode", "credentials"}, mentioned(p))
	require.False(t, typesSecrets(p.Credentials), "forms send these two with every save")
	require.False(t, typesSecrets(nil))
	require.True(t, typesSecrets(&models.ClusterCredentials{CAData: "x"}))
	require.Equal(t, "a, b", nodeNames([]string{"a", "b"}))
	require.Equal(t, "a, b, c, d, e and 2 more", nodeNames([]string{"a", "b", "c", "d", "e", "f", "g"}))
}
