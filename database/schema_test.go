package database_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/database/dbtest"
)

func TestMigrationsRunOnce(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t)
	ctx, settings := t.Context(), db.Database().Collection(database.Settings)
	old := bson.D{
		{Key: "createIndexes", Value: database.Runs},
		{Key: "indexes", Value: bson.A{bson.M{"name": "lease_until_1", "key": bson.M{"lease_until": 1}}}},
	}
	require.NoError(t, db.Database().RunCommand(ctx, old).Err())
	require.NoError(t, db.Migrate(ctx))
	indexes, err := db.Database().Collection(database.Runs).Indexes().ListSpecifications(ctx)
	require.NoError(t, err)
	for _, ix := range indexes {
		require.NotEqual(t, "lease_until_1", ix.Name)
	}
	var stored bson.M
	require.NoError(t, settings.FindOne(ctx, bson.M{"_id": "schema"}).Decode(&stored))
	require.EqualValues(t, 2, stored["version"])

	require.NoError(t, db.Database().RunCommand(ctx, old).Err())
	require.NoError(t, db.Migrate(ctx))
	indexes, err = db.Database().Collection(database.Runs).Indexes().ListSpecifications(ctx)
	require.NoError(t, err)
	found := false
	for _, ix := range indexes {
		found = found || ix.Name == "lease_until_1"
	}
	require.True(t, found, "a migration that is done is not repeated")
}

func TestNewerSchema(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stored bson.M
		works  bool
	}{
		"of the next version, which says that this one may stay": {bson.M{"version": 3, "oldest": 2}, true},
		"of the next version":                          {bson.M{"version": 3}, true},
		"of the version after that":                    {bson.M{"version": 4}, false},
		"of one that breaks with this one":             {bson.M{"version": 3, "oldest": 3}, false},
		"of the far future, which works with old ones": {bson.M{"version": 99, "oldest": 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			db, err := database.Open(ctx, database.Config{DataDir: t.TempDir()})
			require.NoError(t, err)
			defer func() { require.NoError(t, db.Close(ctx)) }()
			settings := db.Database().Collection(database.Settings)
			tc.stored["_id"] = "schema"
			_, err = settings.InsertOne(ctx, tc.stored)
			require.NoError(t, err)
			err = db.CheckSchema(ctx)
			if tc.works {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, database.ErrNewerSchema)
				require.ErrorContains(t, err, "start a newer version")
				require.ErrorIs(t, db.Migrate(ctx), database.ErrNewerSchema)
			}
			if tc.works {
				require.NoError(t, db.Migrate(ctx))
			}
			names, err := db.Database().ListCollectionNames(ctx, bson.M{})
			require.NoError(t, err)
			require.Equal(t, []string{database.Settings}, names, "nothing is written")
			var still bson.M
			require.NoError(t, settings.FindOne(ctx, bson.M{"_id": "schema"}).Decode(&still))
			require.EqualValues(t, tc.stored["version"], still["version"])
		})
	}
}
