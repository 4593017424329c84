package repositories_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

func TestLinkProvider(t *testing.T) {
	t.Parallel()
	users := repositories.NewUsers(dbtest.Open(t).Database())
	ann := models.User{ID: models.NewID(), Email: "ann@example.org", PasswordHash: "hash", KeptSession: "s"}
	bob := models.User{ID: models.NewID(), Email: "bob@example.org", PasswordHash: "hash"}
	require.NoError(t, users.Insert(t.Context(), ann))
	require.NoError(t, users.Insert(t.Context(), bob), "accounts without provider are no duplicates")
	_, err := users.ByProvider(t.Context(), "corp", "s-1")
	require.Equal(t, models.NotFound, models.KindOf(err))

	require.NoError(t, users.DropPassword(t.Context(), ann.ID, now()))
	u, err := users.LinkProvider(t.Context(), ann.ID, "corp", "s-1", now())
	require.NoError(t, err)
	require.Equal(t, "corp", u.AuthProvider)
	require.Empty(t, u.PasswordHash)
	require.Empty(t, u.KeptSession, "no session outlives the password")
	require.EqualValues(t, 1, u.SessionEpoch)
	found, err := users.ByProvider(t.Context(), "corp", "s-1")
	require.NoError(t, err)
	require.Equal(t, u, found)

	_, err = users.LinkProvider(t.Context(), ann.ID, "other", "s-9", now())
	require.Equal(t, models.Conflict, models.KindOf(err), "linked already")
	require.Equal(t, models.Conflict, models.KindOf(users.DropPassword(t.Context(), ann.ID, now())))
	_, err = users.LinkProvider(t.Context(), bob.ID, "corp", "s-1", now())
	require.Equal(t, models.Conflict, models.KindOf(err), "the person has an account")
	_, err = users.LinkProvider(t.Context(), bob.ID, "other", "s-1", now())
	require.NoError(t, err, "another provider's id")
}

func TestOneAccountPerPerson(t *testing.T) {
	t.Parallel()
	users := repositories.NewUsers(dbtest.Open(t).Database())
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		kinds = map[models.Kind]int{}
		made  int
	)
	for range 8 {
		all.Go(func() {
			id := models.NewID()
			err := users.Insert(t.Context(), models.User{ID: id, Email: id + "@example.org", AuthProvider: "corp", ProviderSubject: "s-1"})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
				return
			}
			kinds[models.KindOf(err)]++
		})
	}
	all.Wait()
	require.Equal(t, 1, made)
	require.Equal(t, map[models.Kind]int{models.Conflict: 7}, kinds)
}
