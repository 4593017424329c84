package repositories_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

func share(clusterID, user, role string) models.ClusterShare {
	return models.ClusterShare{
		ID: models.NewID(), ClusterID: clusterID, ClusterName: "prod", OwnerID: "ann", UserID: user,
		Role: role, Namespaces: []string{}, CreatedAt: now(),
	}
}

func openShares(t *testing.T) *repositories.ClusterShares {
	t.Helper()
	return repositories.NewClusterShares(dbtest.Open(t).Database())
}

func TestShareIsOfferedAcceptedAndChanged(t *testing.T) {
	t.Parallel()
	store := openShares(t)
	offered, err := store.Put(t.Context(), share("c1", "bob", models.ClusterViewer))
	require.NoError(t, err)
	require.Equal(t, models.SharePending, offered.Status)
	accepted, err := store.Accepted(t.Context(), "bob", "prod")
	require.NoError(t, err)
	require.Empty(t, accepted, "it is pending")

	_, err = store.Accept(t.Context(), "eve", offered.ID, now())
	require.Equal(t, models.NotFound, kindOf(t, err), "somebody else's offer")
	at := now()
	for _, later := range []time.Duration{0, time.Hour} {
		got, err := store.Accept(t.Context(), "bob", offered.ID, at.Add(later))
		require.NoError(t, err)
		require.Equal(t, at, *got.AcceptedAt, "the first time counts")
	}
	again := share("c1", "bob", models.ClusterEditor)
	again.Namespaces = []string{"shop"}
	changed, err := store.Put(t.Context(), again)
	require.NoError(t, err)
	require.Equal(t, offered.ID, changed.ID)
	require.Equal(t, models.ShareAccepted, changed.Status)
	require.Equal(t, models.ClusterEditor, changed.Role)
	require.Equal(t, []string{"shop"}, changed.Namespaces)
	_, err = store.Decline(t.Context(), "bob", offered.ID)
	require.Equal(t, models.NotFound, kindOf(t, err), "it is not pending any more")
}

func TestAcceptedSharesComeOldestFirst(t *testing.T) {
	t.Parallel()
	store := openShares(t)
	for i, age := range []time.Duration{time.Minute, time.Hour, 0} {
		sh, err := store.Put(t.Context(), share(fmt.Sprint("c", i), "bob", models.ClusterViewer))
		require.NoError(t, err)
		_, err = store.Accept(t.Context(), "bob", sh.ID, now().Add(-age))
		require.NoError(t, err)
	}
	all, err := store.AllAccepted(t.Context(), "bob", models.Found[models.ClusterShare]{})
	require.NoError(t, err)
	for name, read := range map[string]func() ([]models.ClusterShare, error){
		"of a name": func() ([]models.ClusterShare, error) { return store.Accepted(t.Context(), "bob", "prod") },
		"all":       all.All,
	} {
		list, err := read()
		require.NoError(t, err, name)
		require.Equal(t, []string{"c1", "c0", "c2"}, []string{list[0].ClusterID, list[1].ClusterID, list[2].ClusterID}, name)
	}
	other, err := store.Accepted(t.Context(), "bob", "test")
	require.NoError(t, err)
	require.Empty(t, other)
}

func TestOneShareForEachUserHoweverManyAtOnce(t *testing.T) {
	t.Parallel()
	store := openShares(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := store.Put(t.Context(), share("c1", "bob", models.ClusterViewer)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := store.ByCluster(t.Context(), "c1")
	require.NoError(t, err)
	require.Len(t, list, 1)
}

func TestSharesEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*repositories.ClusterShares, models.ClusterShare) error{
		"by the user's id": func(s *repositories.ClusterShares, sh models.ClusterShare) error {
			_, err := s.Remove(t.Context(), sh.ClusterID, sh.UserID)
			return err
		},
		"by its own id": func(s *repositories.ClusterShares, sh models.ClusterShare) error {
			_, err := s.Remove(t.Context(), sh.ClusterID, sh.ID)
			return err
		},
		"declined": func(s *repositories.ClusterShares, sh models.ClusterShare) error {
			_, err := s.Decline(t.Context(), sh.UserID, sh.ID)
			return err
		},
		"with the cluster": func(s *repositories.ClusterShares, sh models.ClusterShare) error {
			return s.DeleteByCluster(t.Context(), sh.ClusterID)
		},
		"with the user": func(s *repositories.ClusterShares, sh models.ClusterShare) error {
			return s.DeleteByUser(t.Context(), sh.UserID)
		},
		"with the owner": func(s *repositories.ClusterShares, sh models.ClusterShare) error {
			return s.DeleteByUser(t.Context(), sh.OwnerID)
		},
		"when the user becomes the owner": func(s *repositories.ClusterShares, sh models.ClusterShare) error {
			return s.TransferOwner(t.Context(), sh.ClusterID, sh.UserID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := openShares(t)
			other := share("c2", "eve", models.ClusterViewer)
			other.OwnerID = "cid"
			_, err := store.Put(t.Context(), other)
			require.NoError(t, err)
			sh, err := store.Put(t.Context(), share("c1", "bob", models.ClusterViewer))
			require.NoError(t, err)
			require.NoError(t, end(store, sh))
			_, err = store.ByClusterAndUser(t.Context(), "c1", "bob")
			require.Equal(t, models.NotFound, kindOf(t, err))
			_, err = store.ByClusterAndUser(t.Context(), "c2", "eve")
			require.NoError(t, err, "another one's stays")
		})
	}
}
