package cluster

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

func TestNextDefault(t *testing.T) {
	t.Parallel()
	own := func(id string) models.ClusterGrant {
		return models.ClusterGrant{Cluster: models.Cluster{ID: id}, Role: models.ClusterOwner}
	}
	shared := func(id string) models.ClusterGrant {
		return models.ClusterGrant{Cluster: models.Cluster{ID: id}, Role: models.ClusterViewer}
	}
	for name, tc := range map[string]struct {
		grants []models.ClusterGrant // the newest first
		want   string
	}{
		"none":                          {nil, ""},
		"the lost one alone":            {[]models.ClusterGrant{own("lost")}, ""},
		"the oldest own one":            {[]models.ClusterGrant{own("new"), own("lost"), own("old")}, "old"},
		"an own one before a shared":    {[]models.ClusterGrant{own("own"), shared("older")}, "own"},
		"a shared one for want of own":  {[]models.ClusterGrant{shared("new"), shared("old"), own("lost")}, "old"},
		"an own one older than a share": {[]models.ClusterGrant{shared("new"), own("own")}, "own"},
	} {
		require.Equal(t, tc.want, nextDefault(tc.grants, "lost"), name)
	}
}

// However a user loses their default cluster, another one takes its place.
func TestALostDefaultIsReplaced(t *testing.T) {
	t.Parallel()
	s := newSharing(t)
	defaults := repositories.NewClusterDefaults(s.db)
	at := models.Now()
	s.now = func() time.Time { at = at.Add(time.Second); return at }
	prod, other := s.cluster(ann, "prod"), s.cluster(eve, "other")
	s.share(prod, bob, models.ClusterEditor)
	s.share(other, bob, models.ClusterViewer)
	of := func(user string) string {
		t.Helper()
		id, err := defaults.ByUser(t.Context(), user)
		require.NoError(t, err)
		return id
	}
	require.NoError(t, defaults.Set(t.Context(), bob, prod.ID))
	require.NoError(t, s.Revoke(t.Context(), ann, "prod", bob))
	require.Equal(t, other.ID, of(bob), "the share was ended")

	s.share(prod, bob, models.ClusterEditor)
	require.NoError(t, defaults.Set(t.Context(), bob, other.ID))
	removal := AccountRemoval{
		Access: s.rules, Clusters: s.clusters, Shares: s.store, Defaults: defaults,
	}
	require.NoError(t, removal.Delete(t.Context(), eve))
	require.Equal(t, prod.ID, of(bob), "the owner was removed")
}

func TestDeleteTellsWhatBecomesOfWorkflows(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	for _, name := range []string{"first", "second", "third"} {
		_, err := r.Add(t.Context(), ann, tokenCluster(name, "https://127.0.0.1:1", clusterToken))
		require.NoError(t, err)
	}
	second, err := r.store.ByName(t.Context(), ann, "second")
	require.NoError(t, err)
	workflows := r.deps.Workflows.(*repositories.Workflows)
	for owner, ref := range map[string]string{ann: "", bob: "elsewhere"} {
		require.NoError(t, workflows.Insert(t.Context(), models.Workflow{
			ID: models.NewID(), OwnerID: owner, Name: "w", ClusterID: "first", ClusterRef: ref,
		}))
	}
	got, err := r.Delete(t.Context(), ann, "first")
	require.NoError(t, err)
	require.Equal(t, second.ID, got.Default, "the oldest of the others")
	require.EqualValues(t, 1, got.Workflows, "Bob's is of another cluster")
	require.Contains(t, got.Message, "stays in the cluster")
	list, err := r.List(t.Context(), ann)
	require.NoError(t, err)
	require.Equal(t, second.ID, list.Default)

	got, err = r.Delete(t.Context(), ann, "third")
	require.NoError(t, err)
	require.Equal(t, models.ClusterDeletion{Cluster: "third", Default: second.ID, Message: "cluster deleted"}, got)
}

func TestClustersOfAnOwnerAreLimited(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	r.deps.MaxClusters = 3
	r.deps.Log = slog.New(slog.DiscardHandler)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			_, err := r.Add(t.Context(), ann, tokenCluster(fmt.Sprint("c", i), "https://127.0.0.1:1", clusterToken))
			if err != nil && models.KindOf(err) != models.Conflict {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range 4 {
		_, err := r.Add(t.Context(), ann, tokenCluster(fmt.Sprint("d", i), "https://127.0.0.1:1", clusterToken))
		if err != nil {
			require.Contains(t, models.MessageOf(err), "limit")
		}
	}
	list, err := r.List(t.Context(), ann)
	require.NoError(t, err)
	require.Len(t, list.Clusters, 3)
	_, err = r.Add(t.Context(), ann, tokenCluster("more", "https://127.0.0.1:1", clusterToken))
	require.Equal(t, models.Conflict, models.KindOf(err))
	_, err = r.Add(t.Context(), bob, tokenCluster("more", "https://127.0.0.1:1", clusterToken))
	require.NoError(t, err)
}
