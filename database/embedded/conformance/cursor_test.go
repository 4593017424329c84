package conformance

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func numbered(t *testing.T, coll *mongo.Collection, n int) []int {
	t.Helper()
	docs, want := make([]any, n), make([]int, n)
	for i := range docs {
		docs[i], want[i] = bson.M{"_id": i, "v": n - i, "g": i % 3}, i
	}
	_, err := coll.InsertMany(t.Context(), docs)
	require.NoError(t, err)
	return want
}

func TestCursors(t *testing.T) {
	t.Parallel()
	coll := open(t)
	want := numbered(t, coll, 250)
	ensure(t, coll, `{"v": 1}`, nil)
	up := options.Find().SetSort(bson.M{"_id": 1})
	require.Equal(t, want, ids(t, coll, bson.M{}, up), "default batches")
	for _, size := range []int32{1, 7, 100, 250, 1000} {
		require.Equal(t, want, ids(t, coll, bson.M{}, up, options.Find().SetBatchSize(size)))
		require.Equal(t, want, ids(t, coll, bson.M{}, options.Find().SetSort(bson.M{"v": -1}).SetBatchSize(size)), "by an index, backwards")
		require.Equal(t, want[5:35], ids(t, coll, bson.M{"g": bson.M{"$gte": 0}}, up, options.Find().SetBatchSize(size).SetSkip(5).SetLimit(30)))
		inMemory := options.Find().SetSort(bson.D{{Key: "g", Value: 1}, {Key: "_id", Value: 1}})
		require.Equal(t, []int{3, 6, 9}, ids(t, coll, bson.M{}, inMemory, options.Find().SetBatchSize(size).SetSkip(1).SetLimit(3)))
	}
	require.Equal(t, want[:3], ids(t, coll, bson.M{}, up, options.Find().SetLimit(-3)), "a negative limit is one batch")
}

func TestCursorGoesOnWhileOthersWrite(t *testing.T) {
	t.Parallel()
	coll := open(t)
	numbered(t, coll, 100)
	cur, err := coll.Find(t.Context(), bson.M{}, options.Find().SetSort(bson.M{"_id": 1}).SetBatchSize(10))
	require.NoError(t, err)
	var seen []int
	for cur.Next(t.Context()) {
		id := int(cur.Current.Lookup("_id").AsInt64())
		seen = append(seen, id)
		_, err := coll.UpdateByID(t.Context(), id, bson.M{"$set": bson.M{"pad": strings.Repeat("x", 200)}})
		require.NoError(t, err)
		if id == 50 {
			_, err := coll.DeleteMany(t.Context(), bson.M{"_id": bson.M{"$gte": 90}})
			require.NoError(t, err)
		}
	}
	require.NoError(t, cur.Err())
	require.Len(t, seen, 90)
}

func TestClosedCursorIsGone(t *testing.T) {
	t.Parallel()
	coll := open(t)
	numbered(t, coll, 10)
	cur, err := coll.Find(t.Context(), bson.M{}, options.Find().SetBatchSize(2))
	require.NoError(t, err)
	id := cur.ID()
	require.NotZero(t, id)
	require.NoError(t, cur.Close(t.Context()))
	err = coll.Database().RunCommand(t.Context(), bson.D{{Key: "getMore", Value: id}, {Key: "collection", Value: coll.Name()}}).Err()
	requireCode(t, 43, err)
}

func TestBigResultsComeInSeveralBatches(t *testing.T) {
	t.Parallel()
	coll := open(t)
	big := strings.Repeat("x", 5<<20)
	for i := range 8 {
		_, err := coll.InsertOne(t.Context(), bson.M{"_id": i, "big": big})
		require.NoError(t, err)
	}
	require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7}, ids(t, coll, bson.M{}, options.Find().SetSort(bson.M{"_id": 1})))
}
