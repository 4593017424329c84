package cluster

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/repositories"
)

// listing returns a service over the clusters of s.
func (s *sharing) listing() *Service {
	connector := kubernetes.NewConnector(kubernetes.Options{})
	s.t.Cleanup(connector.Close)
	return NewService(Deps{
		Store: s.clusters, Access: s.rules, Shares: s.store, Defaults: repositories.NewClusterDefaults(s.db),
		People: repositories.NewUsers(s.db), Connect: connector,
	})
}

// TestListJSONSeesEveryChange changes all that a list shows, as another server
// would, and compares the remembered answer with one that is made anew.
func TestListJSONSeesEveryChange(t *testing.T) {
	t.Parallel()
	s := newSharing(t)
	defaults := repositories.NewClusterDefaults(s.db)
	svc := s.listing()
	var last string
	check := func(what string, changes bool) {
		t.Helper()
		for range 2 {
			got, err := svc.ListJSON(t.Context(), bob)
			require.NoError(t, err, what)
			list, err := svc.List(t.Context(), bob)
			require.NoError(t, err, what)
			want, err := json.Marshal(list)
			require.NoError(t, err, what)
			require.Equal(t, string(want), string(got), what)
			require.Equal(t, changes, string(got) != last, what)
			last, changes = string(got), false
		}
	}
	set := func(collection, id, field string, value any) {
		t.Helper()
		res, err := s.db.Collection(collection).UpdateByID(t.Context(), id, bson.D{{Key: "$set", Value: bson.D{{Key: field, Value: value}}}})
		require.NoError(t, err)
		require.Positive(t, res.ModifiedCount)
	}

	check("no cluster", true)
	own := s.cluster(bob, "own")
	check("an own cluster", true)
	shared := s.cluster(ann, "shared")
	check("somebody else's cluster", false)
	sh := s.share(shared, bob, models.ClusterViewer, "shop")
	check("a shared cluster", true)
	other := s.cluster(ann, "other")
	share := s.share(other, bob, models.ClusterEditor)
	check("another shared cluster", true)

	set("clusters", own.ID, "status", models.ClusterError)
	check("the state of an own cluster", true)
	set("clusters", shared.ID, "metadata.namespaces", []string{"shop", "secret"})
	check("the namespaces of a shared cluster", true)
	set("clusters", shared.ID, "credentials", []byte("sealed"))
	check("credentials, which no list shows", false)
	set("cluster_shares", sh.ID, "role", models.ClusterAdmin)
	check("the role of a share", true)
	set("users", ann, "name", "Ann")
	check("the name of an owner", true)
	require.NoError(t, defaults.Set(t.Context(), bob, shared.ID))
	check("the default", true)
	set("cluster_shares", share.ID, "status", models.SharePending)
	check("a share that is not accepted any more", true)
	require.NoError(t, s.clusters.TransferOwner(t.Context(), ann, shared.ID, eve))
	check("the owner of a shared cluster", true)
	require.NoError(t, s.clusters.Delete(t.Context(), shared.ID))
	check("a deleted shared cluster", true)
	require.NoError(t, s.clusters.Delete(t.Context(), own.ID))
	check("no cluster left", true)

	got, err := svc.ListJSON(t.Context(), ann)
	require.NoError(t, err)
	require.NotEqual(t, last, string(got), "the answer of somebody else")
}

func TestListJSONFailsWithTheDatabase(t *testing.T) {
	t.Parallel()
	s := newSharing(t)
	svc := s.listing()
	_, err := svc.ListJSON(t.Context(), bob)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = svc.ListJSON(ctx, bob)
	require.Error(t, err, "an answer is remembered, but nobody has looked whether it is right")
}
