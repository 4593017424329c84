package repositories_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/repositories"
)

func TestOneDefaultHoweverManyAreSetAtOnce(t *testing.T) {
	t.Parallel()
	store := repositories.NewClusterDefaults(dbtest.Open(t).Database())
	id, err := store.ByUser(t.Context(), "ann")
	require.NoError(t, err)
	require.Empty(t, id)

	var all sync.WaitGroup
	firsts := make([]string, 8)
	for i := range firsts {
		all.Go(func() {
			var err error
			if firsts[i], err = store.SetIfNone(t.Context(), "ann", fmt.Sprint("c", i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, id := range firsts {
		require.Equal(t, firsts[0], id, "the first one stays")
	}
	for i := range firsts {
		all.Go(func() {
			if err := store.Set(t.Context(), "ann", fmt.Sprint("c", i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.NoError(t, store.Set(t.Context(), "ann", "c3"))
	require.NoError(t, store.Clear(t.Context(), "ann", "c2"))
	id, err = store.ByUser(t.Context(), "ann")
	require.NoError(t, err)
	require.Equal(t, "c3", id)
}

func TestDefaultGoesWithItsClusterOrUser(t *testing.T) {
	t.Parallel()
	store := repositories.NewClusterDefaults(dbtest.Open(t).Database())
	of := func(user string) string {
		t.Helper()
		id, err := store.ByUser(t.Context(), user)
		require.NoError(t, err)
		return id
	}
	for user, id := range map[string]string{"ann": "c1", "bob": "c1", "cid": "c2", "dot": "c2"} {
		require.NoError(t, store.Set(t.Context(), user, id))
	}
	users, err := store.Users(t.Context(), "c1")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"ann", "bob"}, users)
	for _, u := range users {
		require.NoError(t, store.Clear(t.Context(), u, "c1"))
	}
	require.NoError(t, store.DeleteByUser(t.Context(), "cid"))
	require.Equal(t, []string{"", "", "", "c2"}, []string{of("ann"), of("bob"), of("cid"), of("dot")})
}
