package repositories_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func TestSwapCredentialsOnlyOfThoseThatAreStored(t *testing.T) {
	t.Parallel()
	store := openClusters(t)
	c := cluster("ann", "prod", 0)
	_, err := store.Insert(t.Context(), c)
	require.NoError(t, err)
	var all sync.WaitGroup
	var swapped atomic.Int32
	for i := range 8 {
		all.Go(func() {
			ok, err := store.SwapCredentials(t.Context(), c.ID, c.Sealed, []byte{9, byte(i)})
			if err != nil {
				t.Error(err)
			}
			if ok {
				swapped.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, swapped.Load())
	got, err := store.ByID(t.Context(), c.ID)
	require.NoError(t, err)
	require.EqualValues(t, 9, got.Sealed[0])
	require.Equal(t, c.CredentialVersion, got.CredentialVersion)
	require.True(t, c.UpdatedAt.Equal(got.UpdatedAt))

	changed := c
	changed.Description = "d"
	_, err = store.Replace(t.Context(), c, changed, now().Add(time.Second))
	require.Equal(t, models.Conflict, kindOf(t, err), "an edit must not bring the old ones back")
	ok, err := store.SwapCredentials(t.Context(), "nobody", c.Sealed, c.Sealed)
	require.NoError(t, err)
	require.False(t, ok)
}
