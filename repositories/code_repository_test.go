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

type meaning struct {
	UserID string `bson:"user_id"`
}

func TestCodesAreTakenOnce(t *testing.T) {
	t.Parallel()
	store := repositories.NewCodes(dbtest.Open(t).Database())
	require.NoError(t, store.Put(t.Context(), "ticket", "abc", meaning{"u1"}, now().Add(time.Minute)))

	var wrong meaning
	err := store.Take(t.Context(), "exchange", "abc", now(), &wrong)
	require.Equal(t, models.NotFound, models.KindOf(err), "another purpose")

	var taken atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			var m meaning
			if store.Take(t.Context(), "ticket", "abc", now(), &m) == nil && m.UserID == "u1" {
				taken.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, taken.Load())
}

func TestExpiredCodesAreNotFound(t *testing.T) {
	t.Parallel()
	store := repositories.NewCodes(dbtest.Open(t).Database())
	require.NoError(t, store.Put(t.Context(), "ticket", "abc", meaning{"u1"}, now().Add(time.Second)))
	var m meaning
	err := store.Take(t.Context(), "ticket", "abc", now().Add(time.Second), &m)
	require.Equal(t, models.NotFound, models.KindOf(err))
	require.Empty(t, m)
}
