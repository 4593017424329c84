package database_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/database/dbtest"
)

func TestDatabaseServesTheDriver(t *testing.T) {
	db := dbtest.Open(t)
	ctx := t.Context()
	runs := db.Database().Collection(database.Runs)
	_, err := runs.InsertOne(ctx, bson.M{"_id": "r1", "workflow_id": "w1", "status": "running", "n": 1})
	require.NoError(t, err)
	_, err = runs.InsertOne(ctx, bson.M{"_id": "r2", "workflow_id": "w1", "status": "running"})
	require.True(t, mongo.IsDuplicateKeyError(err), "%v", err)
	res, err := runs.UpdateOne(ctx, bson.M{"_id": "r1"}, bson.M{"$inc": bson.M{"n": 2}, "$set": bson.M{"a.b": "x", "status": "completed"}})
	require.NoError(t, err)
	require.EqualValues(t, 1, res.ModifiedCount)
	var got bson.M
	err = runs.FindOneAndUpdate(ctx, bson.M{"workflow_id": "w1", "status": "completed"}, bson.M{"$set": bson.M{"status": "done"}},
		options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&got)
	require.NoError(t, err)
	require.Equal(t, bson.M{"_id": "r1", "workflow_id": "w1", "status": "done", "n": int32(3), "a": bson.M{"b": "x"}}, got)
	n, err := runs.CountDocuments(ctx, bson.M{})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.NoError(t, db.EnsureIndexes(ctx))
	specs, err := runs.Indexes().ListSpecifications(ctx)
	require.NoError(t, err)
	require.Len(t, specs, 4)
}
