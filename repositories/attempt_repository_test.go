package repositories_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

func TestAttemptsAreSwapped(t *testing.T) {
	t.Parallel()
	store := repositories.NewAttempts(dbtest.Open(t).Database())
	var (
		none models.FailedAttempts
		one  = models.FailedAttempts{Count: 1, Last: now()}
		two  = models.FailedAttempts{Count: 2, Last: now().Add(time.Second)}
	)
	for _, step := range []struct {
		why      string
		from, to models.FailedAttempts
		swapped  bool
		stored   models.FailedAttempts
	}{
		{"one is stored where none is", one, two, false, none},
		{"none is stored", none, one, true, one},
		{"none is stored twice", none, one, false, one},
		{"another count is stored", models.FailedAttempts{Count: 2, Last: one.Last}, two, false, one},
		{"another time is stored", models.FailedAttempts{Count: 1, Last: two.Last}, two, false, one},
		{"one is stored", one, two, true, two},
		{"two are forgotten where one is", one, none, false, two},
		{"two are forgotten", two, none, true, none},
	} {
		swapped, err := store.Swap(t.Context(), "a", step.from, step.to, now().Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, step.swapped, swapped, step.why)
		stored, err := store.ByID(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, step.stored.Count, stored.Count, step.why)
		require.True(t, step.stored.Last.Equal(stored.Last), step.why)
	}
}

func TestOneOfConcurrentSwapsOfAttemptsIsDone(t *testing.T) {
	t.Parallel()
	store := repositories.NewAttempts(dbtest.Open(t).Database())
	from := models.FailedAttempts{}
	for count := 1; count <= 3; count++ {
		var done atomic.Int32
		var all sync.WaitGroup
		to := models.FailedAttempts{Count: count, Last: now()}
		for range 8 {
			all.Go(func() {
				swapped, err := store.Swap(t.Context(), "a", from, to, now().Add(time.Hour))
				if err != nil {
					t.Error(err)
				}
				if swapped {
					done.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, done.Load())
		from = to
	}
	require.NoError(t, store.Delete(t.Context(), "a"))
	stored, err := store.ByID(t.Context(), "a")
	require.NoError(t, err)
	require.Zero(t, stored)
}
