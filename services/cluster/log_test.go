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
	log, store := newClusterLog(t)
	ctx, cancel := context.WithCancel(models.WithIdentity(t.Context(), models.Identity{UserID: "ann"}))
	cancel()
	log.Add(ctx, models.ClusterLogEntry{ClusterID: "c", Action: models.ClusterLogTested, Message: "m", Error: "e"})
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
	log, store := newClusterLog(t)
	// Whoever has a check done is not who changed the state.
	ctx := models.WithIdentity(t.Context(), models.Identity{UserID: "ann"})
	for _, c := range []models.Cluster{
		{ID: "c", Status: models.ClusterDisconnected, LastError: "no route"},
		{ID: "c", Status: models.ClusterError, LastError: "no rights"},
		{ID: "c", Status: models.ClusterConnected},
	} {
		log.Changed(ctx, c, "")
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
	log.Removed(ctx, models.Cluster{ID: "c"})
	list, err = store.List(t.Context(), "c", 10)
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestClusterLogNamesOthersToThoseWhoMayKnow(t *testing.T) {
	t.Parallel()
	log, store := newClusterLog(t)
	for _, who := range []string{"owner", "ann", "bob", ""} {
		log.Add(t.Context(), models.ClusterLogEntry{
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
	var out bytes.Buffer
	log := NewLog(brokenLogs{}, slog.New(slog.NewTextHandler(&out, nil)))
	log.Add(t.Context(), models.ClusterLogEntry{ClusterID: "c"})
	log.Removed(t.Context(), models.Cluster{ID: "c"})
	require.Equal(t, 2, strings.Count(out.String(), "disk full"), out.String())
}

func TestWhatAPatchMentions(t *testing.T) {
	t.Parallel()
	name, on := "n", true
	p := models.ClusterPatch{DisplayName: &name, SingleNode: &on, Credentials: &models.ClusterCredentials{Namespace: "x", Insecure: true}}
	require.Equal(t, []string{"displayName", "singleNode", "credentials"}, changedFields(p))
	require.False(t, hasSecrets(p.Credentials), "forms send these two with every save")
	require.False(t, hasSecrets(nil))
	require.True(t, hasSecrets(&models.ClusterCredentials{CAData: "x"}))
	require.Equal(t, "a, b", nodeNames([]string{"a", "b"}))
	require.Equal(t, "a, b, c, d, e and 2 more", nodeNames([]string{"a", "b", "c", "d", "e", "f", "g"}))
}

func TestServiceLogsWhatPeopleDo(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	c, err := r.Add(t.Context(), ann, tokenCluster("a", apiServer(t), clusterToken))
	require.NoError(t, err)
	_, err = r.Test(t.Context(), ann, "a")
	require.NoError(t, err)
	require.NoError(t, r.SetDefault(t.Context(), ann, "a"))
	text := "d"
	_, err = r.Update(t.Context(), ann, "a", models.ClusterPatch{Description: &text})
	require.NoError(t, err)
	_, err = r.Update(t.Context(), bob, "a", models.ClusterPatch{Description: &text})
	require.Error(t, err)
	_, err = r.CheckHealth(t.Context(), c.ID, models.ProbeOptions{})
	require.NoError(t, err)

	list, err := r.logs.List(t.Context(), c.ID, 10)
	require.NoError(t, err)
	var actions []string
	for _, e := range list {
		actions = append(actions, e.Action)
	}
	require.ElementsMatch(t, []string{
		models.ClusterLogAdded, models.ClusterLogTested, models.ClusterLogDefault, models.ClusterLogUpdated,
	}, actions, "refusals and checks in the background are left out")
}
