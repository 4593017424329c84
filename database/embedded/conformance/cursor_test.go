package conformance

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"pgregory.net/rapid"
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

// TestMergedCursors reads ranges side by side of which some begin behind where
// others end.
func TestMergedCursors(t *testing.T) {
	t.Parallel()
	coll := open(t)
	ensure(t, coll, `{"g": 1, "k": 1, "at": -1, "_id": -1}`, nil)
	type row struct{ id, k, at int }
	var rows []row
	for i := range 90 {
		g, r := i%3, row{i, i / 3 % 5, i * 7 % 11}
		_, err := coll.InsertOne(t.Context(), bson.M{"_id": r.id, "g": g, "k": r.k, "at": r.at})
		require.NoError(t, err)
		if g != 1 && r.k%2 == 0 {
			rows = append(rows, r)
		}
	}
	query := bson.M{"g": bson.M{"$in": bson.A{0, 2}}, "k": bson.M{"$in": bson.A{0, 2, 4}}}
	for _, direction := range []int{1, -1} {
		by := bson.D{{Key: "k", Value: direction}, {Key: "at", Value: -direction}, {Key: "_id", Value: -direction}}
		slices.SortFunc(rows, func(a, b row) int { return direction * cmp.Or(a.k-b.k, b.at-a.at, b.id-a.id) })
		want := []int{}
		for _, r := range rows {
			want = append(want, r.id)
		}
		for _, size := range []int32{1, 4, 13, 100} {
			o := options.Find().SetSort(by).SetBatchSize(size)
			require.Equal(t, want, ids(t, coll, query, o))
			require.Equal(t, want[5:25], ids(t, coll, query, o, options.Find().SetSkip(5).SetLimit(20)))
		}
	}
}

// TestMergedCursorGoesOnWhileOthersWrite reads several groups in one order while
// documents come, go and change their group between the batches.
func TestMergedCursorGoesOnWhileOthersWrite(t *testing.T) {
	t.Parallel()
	embeddedOnly(t)
	coll := open(t)
	ensure(t, coll, `{"g": 1, "at": -1, "_id": -1}`, nil)
	rapid.Check(t, func(rt *rapid.T) {
		_, err := coll.DeleteMany(t.Context(), bson.D{})
		require.NoError(rt, err)
		w := groupWriter{rt: rt, coll: coll, groups: map[int]int{}}
		w.fill(t.Context(), rapid.IntRange(1, 20).Draw(rt, "documents"))
		direction := rapid.SampledFrom([]int{1, -1}).Draw(rt, "direction")
		by := bson.D{{Key: "at", Value: direction}, {Key: "_id", Value: direction}}
		cur, err := coll.Find(t.Context(), bson.M{"g": bson.M{"$in": bson.A{0, 1, 3}}},
			options.Find().SetSort(by).SetBatchSize(rapid.Int32Range(1, 4).Draw(rt, "batch")))
		require.NoError(rt, err)
		type row struct {
			ID int `bson:"_id"`
			At int
		}
		var got []row
		for cur.Next(t.Context()) {
			got = append(got, row{})
			require.NoError(rt, cur.Decode(&got[len(got)-1]))
			w.write(t.Context())
		}
		require.NoError(rt, cur.Err())
		order := func(a, b row) int { return direction * cmp.Or(a.At-b.At, a.ID-b.ID) }
		require.True(rt, slices.IsSortedFunc(got, order), "%v is not in order", got)
		require.Len(rt, slices.Compact(slices.Clone(got)), len(got), "%v has a document twice", got)
		for id, g := range w.groups {
			has := slices.ContainsFunc(got, func(r row) bool { return r.ID == id })
			require.Equal(rt, g == 0 || g == 1 || g == 3, has, "document %d of group %d in %v", id, g, got)
		}
	})
}

// groupWriter writes documents that are in one of five groups.
type groupWriter struct {
	rt     *rapid.T
	coll   *mongo.Collection
	next   int         // _id
	groups map[int]int // of the documents that it has not touched
}

// fill adds n documents.
func (w *groupWriter) fill(ctx context.Context, n int) {
	var docs []any
	for id := range n {
		d := w.document(id)
		docs, w.groups[id] = append(docs, d), d["g"].(int)
	}
	_, err := w.coll.InsertMany(ctx, docs)
	require.NoError(w.rt, err)
	w.next = n
}

func (w *groupWriter) document(id int) bson.M {
	return bson.M{"_id": id, "g": rapid.IntRange(0, 4).Draw(w.rt, "group"), "at": rapid.IntRange(0, 9).Draw(w.rt, "at")}
}

// write does one write, or none.
func (w *groupWriter) write(ctx context.Context) {
	var err error
	id := rapid.IntRange(0, w.next).Draw(w.rt, "id")
	switch rapid.SampledFrom([]string{"none", "none", "move", "delete", "add"}).Draw(w.rt, "write") {
	case "move":
		_, err = w.coll.UpdateByID(ctx, id, bson.M{"$set": bson.M{"g": rapid.IntRange(0, 4).Draw(w.rt, "to")}})
		delete(w.groups, id)
	case "delete":
		_, err = w.coll.DeleteOne(ctx, bson.M{"_id": id})
		delete(w.groups, id)
	case "add":
		if w.next < 50 {
			_, err = w.coll.InsertOne(ctx, w.document(w.next))
			w.next++
		}
	}
	require.NoError(w.rt, err)
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
