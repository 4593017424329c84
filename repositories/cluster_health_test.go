package repositories_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

// Of several servers with the same outcome, one is told that it is new.
func TestOneOfManyChecksIsNews(t *testing.T) {
	t.Parallel()
	store := openClusters(t)
	c, err := store.Insert(t.Context(), cluster("ann", "prod", 0))
	require.NoError(t, err)
	at := now()
	for i, status := range []string{models.ClusterConnected, models.ClusterError, models.ClusterConnected} {
		var news atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				h := models.ClusterHealth{Status: status, At: at.Add(time.Duration(i) * time.Second), CredentialVersion: 1, Failures: i}
				_, changed, err := store.SetHealth(t.Context(), c.ID, h)
				if err != nil {
					t.Error(err)
				}
				if changed {
					news.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, news.Load(), status)
	}
	got, err := store.ByID(t.Context(), c.ID)
	require.NoError(t, err)
	require.Equal(t, 2, got.Failures)
	require.NoError(t, store.Delete(t.Context(), c.ID))
	_, changed, err := store.SetHealth(t.Context(), c.ID, models.ClusterHealth{Status: models.ClusterError, At: now(), CredentialVersion: 1})
	require.NoError(t, err, "it was deleted meanwhile")
	require.False(t, changed)
}

func TestTimesOfChecksAreWrittenWhereNothingElseChanged(t *testing.T) {
	t.Parallel()
	store := openClusters(t)
	first, later := now(), now().Add(time.Minute)
	add := func(name string) models.Cluster {
		c := cluster("ann", name, 0)
		c.Status, c.LastCheck = models.ClusterConnected, &first
		c, err := store.Insert(t.Context(), c)
		require.NoError(t, err)
		return c
	}
	same, other, renewed := add("same"), add("other"), add("renewed")
	checked := func(c models.Cluster, at time.Time) models.ClusterChecked {
		return models.ClusterCheck{Cluster: models.Cluster{
			ID: c.ID, Status: models.ClusterConnected, CredentialVersion: 1, LastCheck: &at,
		}}.Checked()
	}
	_, _, err := store.SetHealth(t.Context(), other.ID, models.ClusterHealth{Status: models.ClusterError, At: first, CredentialVersion: 1})
	require.NoError(t, err)
	moved := renewed
	moved.Server = "https://new:1"
	_, err = store.Replace(t.Context(), renewed, moved, now())
	require.NoError(t, err)

	gone := checked(models.Cluster{ID: "gone"}, later)
	require.NoError(t, store.SetChecked(t.Context(), nil))
	require.NoError(t, store.SetChecked(t.Context(), []models.ClusterChecked{checked(same, later), gone, checked(other, later), checked(renewed, later)}))
	require.NoError(t, store.SetChecked(t.Context(), []models.ClusterChecked{checked(same, first)}), "an older one")
	for c, want := range map[string]time.Time{same.ID: later, other.ID: first, renewed.ID: first} {
		got, err := store.ByID(t.Context(), c)
		require.NoError(t, err)
		require.True(t, want.Equal(*got.LastCheck), "%s: %s", got.Name, got.LastCheck)
	}
}

func TestPagesHoldEveryClusterOnce(t *testing.T) {
	t.Parallel()
	store := openClusters(t)
	for i := range 7 {
		_, err := store.Insert(t.Context(), cluster(fmt.Sprint("u", i%2), fmt.Sprint("c", i), time.Duration(i)))
		require.NoError(t, err)
	}
	seen := map[string]bool{}
	requirePages(t, store, 3, seen)
	require.Len(t, seen, 7)
}

func requirePages(t *testing.T, store *repositories.Clusters, size int, seen map[string]bool) {
	t.Helper()
	for after := ""; ; {
		page, err := store.Page(t.Context(), after, size)
		require.NoError(t, err)
		for _, c := range page {
			require.False(t, seen[c.ID])
			require.Empty(t, c.Sealed, "the credentials are left out")
			require.NotEmpty(t, c.OwnerID)
			seen[c.ID], after = true, c.ID
		}
		if len(page) < size {
			return
		}
	}
}
