package dbtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/goleak"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/database/dbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSharedDatabaseIsOne(t *testing.T) {
	t.Parallel()
	dbs := dbtest.OpenShared(t, 3)
	for _, db := range dbs {
		require.False(t, db.Embedded())
		_, err := db.Database().Collection(database.Users).InsertOne(t.Context(), bson.M{"email": bson.NewObjectID().Hex()})
		require.NoError(t, err)
	}
	n, err := dbs[1].Database().Collection(database.Users).CountDocuments(t.Context(), bson.M{})
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
}
