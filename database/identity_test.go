package database_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/database/dbtest"
)

func TestIdentityIsMadeOnceAndStays(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t)
	found := make([]database.Identity, 8)
	var wg sync.WaitGroup
	for i := range found {
		wg.Go(func() {
			var err error
			if found[i], err = db.Identity(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Len(t, found[0].ID, 24)
	for _, who := range found {
		require.Equal(t, database.Identity{ID: found[0].ID, New: true}, who)
	}
}

func TestDatabaseIsBoundToItsSecrets(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t)
	ctx := t.Context()
	require.ErrorIs(t, db.BindSecrets(ctx, "", "a"), database.ErrOtherSecrets, "without an identity")
	first, err := db.Identity(ctx)
	require.NoError(t, err)
	require.NoError(t, db.BindSecrets(ctx, "", "a"))
	require.ErrorIs(t, db.BindSecrets(ctx, "", "b"), database.ErrOtherSecrets)
	require.NoError(t, db.BindSecrets(ctx, "a", "b"), "after a rotation")
	who, err := db.Identity(ctx)
	require.NoError(t, err)
	require.Equal(t, database.Identity{ID: first.ID, Secrets: "b"}, who)
}

// A database with accounts is not new, although it had no identity before.
func TestDatabaseWithAccountsIsNotNew(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t)
	_, err := db.Database().Collection(database.Users).InsertOne(t.Context(), bson.M{"email": "a@b"})
	require.NoError(t, err)
	who, err := db.Identity(t.Context())
	require.NoError(t, err)
	require.False(t, who.New)
	require.Empty(t, who.Secrets)
}
