package repositories_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

func TestServers(t *testing.T) {
	t.Parallel()
	ctx, servers := t.Context(), repositories.NewServers(dbtest.Open(t).Database())
	a := models.Server{ID: models.NewID(), Name: "a", Since: models.Now(), BeatAt: models.Now(), Seen: []string{}, Secrets: "x"}
	require.NoError(t, servers.Insert(ctx, a))
	require.NoError(t, servers.Insert(ctx, a), "an insert whose answer was lost is repeated")

	later := models.Now()
	require.NoError(t, servers.Beat(ctx, a.ID, models.Heartbeat{At: later, Seen: []string{"b"}, Leaving: true}))
	all, err := servers.List(ctx)
	require.NoError(t, err)
	a.Beat, a.BeatAt, a.Seen, a.Leaving = 1, later, []string{"b"}, true
	require.Equal(t, []models.Server{a}, all)

	ended, err := servers.End(ctx, a.ID, 0)
	require.NoError(t, err)
	require.False(t, ended, "it has sent a heartbeat since")
	ended, err = servers.End(ctx, a.ID, 1)
	require.NoError(t, err)
	require.True(t, ended)
	require.Equal(t, models.NotFound, models.KindOf(servers.Beat(ctx, a.ID, models.Heartbeat{At: later})))
	require.NoError(t, servers.Leave(ctx, a.ID))
}

func TestLeases(t *testing.T) {
	t.Parallel()
	ctx, leases := t.Context(), repositories.NewLeases(dbtest.Open(t).Database())
	at := models.Now()
	free, err := leases.Get(ctx, "cluster:1")
	require.NoError(t, err)
	require.Equal(t, models.LeaseRecord{Name: "cluster:1"}, free)

	fence, err := leases.Fences(ctx, 3)
	require.NoError(t, err)
	require.EqualValues(t, 1, fence)
	fence, err = leases.Fences(ctx, 1)
	require.NoError(t, err)
	require.EqualValues(t, 4, fence)

	taken, err := leases.Take(ctx, free, "a", 4, at)
	require.NoError(t, err)
	require.True(t, taken)
	taken, err = leases.Take(ctx, free, "a", 4, at)
	require.NoError(t, err)
	require.True(t, taken, "a take whose answer was lost is repeated")
	taken, err = leases.Take(ctx, free, "b", 5, at)
	require.NoError(t, err)
	require.False(t, taken)

	held, err := leases.Get(ctx, "cluster:1")
	require.NoError(t, err)
	require.Equal(t, models.LeaseRecord{Name: "cluster:1", Holder: "a", Fence: 4, Since: at}, held)
	require.NoError(t, leases.Release(ctx, "cluster:1", "a", 3))
	require.NoError(t, leases.Release(ctx, "cluster:1", "b", 4))
	taken, err = leases.Take(ctx, held, "b", 5, at)
	require.NoError(t, err)
	require.True(t, taken, "the holder died")
	taken, err = leases.Take(ctx, held, "c", 6, at)
	require.NoError(t, err)
	require.False(t, taken, "it is not as seen any more")

	_, err = leases.Take(ctx, models.LeaseRecord{Name: "cluster:2"}, "b", 6, at)
	require.NoError(t, err)
	_, err = leases.Take(ctx, models.LeaseRecord{Name: "retention"}, "b", 7, at)
	require.NoError(t, err)
	require.NoError(t, leases.Release(ctx, "cluster:1", "b", 5))
	list, err := leases.List(ctx, "cluster:")
	require.NoError(t, err)
	require.Equal(t, []models.LeaseRecord{{Name: "cluster:2", Holder: "b", Fence: 6, Since: at}}, list)
	require.NoError(t, leases.Forget(ctx, "cluster:2", "c"))
	list, err = leases.List(ctx, "")
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.NoError(t, leases.Forget(ctx, "cluster:2", "b"))
	require.NoError(t, leases.ReleaseAll(ctx, "b"))
	list, err = leases.List(ctx, "")
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestOneOfManyTakesALease(t *testing.T) {
	t.Parallel()
	ctx, leases := t.Context(), repositories.NewLeases(dbtest.Open(t).Database())
	for range 3 { // the first one is new, the others are taken from a holder that died
		seen, err := leases.Get(ctx, "work")
		require.NoError(t, err)
		var taken atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				fence, err := leases.Fences(ctx, 1)
				if err != nil {
					t.Error(err)
				}
				if ok, err := leases.Take(ctx, seen, models.NewID(), fence, models.Now()); err != nil {
					t.Error(err)
				} else if ok {
					taken.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, taken.Load())
	}
}
