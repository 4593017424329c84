package conformance

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// ensure makes an index on a key in extended JSON.
func ensure(t *testing.T, coll *mongo.Collection, key string, o *options.IndexOptionsBuilder) {
	t.Helper()
	require.NoError(t, tryIndex(t, coll, key, o))
}

func tryIndex(t *testing.T, coll *mongo.Collection, key string, o *options.IndexOptionsBuilder) error {
	t.Helper()
	_, err := coll.Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: doc(t, key), Options: o})
	return err
}

func TestUniqueIndexes(t *testing.T) {
	t.Parallel()
	partial := options.Index().SetUnique(true).SetPartialFilterExpression(bson.M{"on": true})
	for name, tc := range map[string]struct {
		key      string
		o        *options.IndexOptionsBuilder
		first    string
		refused  []string
		accepted []string
	}{
		"values": {`{"a": 1}`, options.Index().SetUnique(true), `{"_id": 1, "a": 1}`,
			[]string{`{"_id": 2, "a": 1.0}`, `{"_id": 2, "a": [3, 1]}`}, []string{`{"_id": 2, "a": "1"}`, `{"_id": 3}`}},
		"missing counts as null": {`{"a": 1}`, options.Index().SetUnique(true), `{"_id": 1}`,
			[]string{`{"_id": 2}`, `{"_id": 2, "a": null}`}, []string{`{"_id": 2, "a": 0}`}},
		"partial": {`{"a": 1}`, partial, `{"_id": 1, "a": 1, "on": true}`,
			[]string{`{"_id": 2, "a": 1, "on": true}`}, []string{`{"_id": 2, "a": 1}`, `{"_id": 3, "a": 1, "on": false}`, `{"_id": 4, "a": 2, "on": true}`}},
		"compound": {`{"a": 1, "b": -1}`, options.Index().SetUnique(true), `{"_id": 1, "a": 1, "b": "x"}`,
			[]string{`{"_id": 2, "a": 1, "b": "x"}`}, []string{`{"_id": 2, "a": 1, "b": "y"}`, `{"_id": 3, "a": 1}`}},
		"elements of one document may repeat": {`{"a": 1}`, options.Index().SetUnique(true), `{"_id": 1, "a": [1, 1, 2]}`,
			[]string{`{"_id": 2, "a": 2}`}, []string{`{"_id": 2, "a": 3}`}},
		"nested": {`{"p.q": 1}`, options.Index().SetUnique(true), `{"_id": 1, "p": [{"q": 1}, {"q": 2}]}`,
			[]string{`{"_id": 2, "p": {"q": 2}}`}, []string{`{"_id": 2, "p": {"q": 3}}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			coll := open(t)
			ensure(t, coll, tc.key, tc.o)
			insert(t, coll, tc.first)
			for _, text := range tc.refused {
				_, err := coll.InsertOne(t.Context(), doc(t, text))
				require.True(t, mongo.IsDuplicateKeyError(err), "%s: %v", text, err)
			}
			insert(t, coll, tc.accepted...)
		})
	}
}

func TestDuplicateKeyTellsTheKey(t *testing.T) {
	t.Parallel()
	coll := open(t)
	ensure(t, coll, `{"email": 1}`, options.Index().SetUnique(true))
	insert(t, coll, `{"_id": 1, "email": "a@b"}`, `{"_id": 2, "email": "c@d"}`)
	_, err := coll.UpdateByID(t.Context(), 2, bson.M{"$set": bson.M{"email": "a@b"}})
	require.True(t, mongo.IsDuplicateKeyError(err), "%v", err)
	var we mongo.WriteException
	require.ErrorAs(t, err, &we)
	require.Contains(t, we.WriteErrors[0].Message, "index: email_1 dup key")
	require.Equal(t, "a@b", we.WriteErrors[0].Raw.Lookup("keyValue", "email").StringValue())
	require.EqualValues(t, 1, we.WriteErrors[0].Raw.Lookup("keyPattern", "email").AsInt64())
	err = coll.FindOneAndUpdate(t.Context(), bson.M{"_id": 2}, bson.M{"$set": bson.M{"email": "a@b"}}).Err()
	require.True(t, mongo.IsDuplicateKeyError(err), "%v", err)
	_, err = coll.InsertOne(t.Context(), bson.M{"_id": 1})
	require.True(t, mongo.IsDuplicateKeyError(err), "%v", err)
}

// An update that fails at its second document changes none.
func TestUpdateManyIsAtomic(t *testing.T) {
	t.Parallel()
	embeddedOnly(t)
	coll := open(t)
	ensure(t, coll, `{"u": 1}`, options.Index().SetUnique(true))
	insert(t, coll, `{"_id": 1, "u": 1}`, `{"_id": 2, "u": 2}`)
	_, err := coll.UpdateMany(t.Context(), bson.M{}, bson.M{"$set": bson.M{"u": 9}})
	require.True(t, mongo.IsDuplicateKeyError(err), "%v", err)
	require.Equal(t, []int{1}, ids(t, coll, bson.M{"u": 1}))
	require.Empty(t, ids(t, coll, bson.M{"u": 9}))
}

func TestIndexesFollowTheirDocuments(t *testing.T) {
	t.Parallel()
	coll := open(t)
	insert(t, coll, `{"_id": 1, "tags": ["a", "b"], "n": 1}`, `{"_id": 2, "tags": "b", "n": 2}`)
	ensure(t, coll, `{"tags": 1}`, nil) // filled with what is there
	ensure(t, coll, `{"n": -1}`, options.Index().SetPartialFilterExpression(bson.M{"n": bson.M{"$gt": 1}}))
	require.Equal(t, []int{1, 2}, ids(t, coll, bson.M{"tags": "b"}, options.Find().SetSort(bson.M{"_id": 1})))
	_, err := coll.UpdateByID(t.Context(), 1, doc(t, `{"$pull": {"tags": "b"}, "$set": {"n": 5}}`))
	require.NoError(t, err)
	require.Equal(t, []int{2}, ids(t, coll, bson.M{"tags": "b"}))
	require.Equal(t, []int{1}, ids(t, coll, bson.M{"tags": "a"}))
	require.Equal(t, []int{1, 2}, ids(t, coll, bson.M{"n": bson.M{"$gt": 1}}, options.Find().SetSort(bson.M{"n": -1})))
	_, err = coll.DeleteOne(t.Context(), bson.M{"_id": 2})
	require.NoError(t, err)
	require.Empty(t, ids(t, coll, bson.M{"tags": "b"}))
}

func TestIndexAdministration(t *testing.T) {
	t.Parallel()
	coll := open(t)
	ctx := t.Context()
	ensure(t, coll, `{"a": 1, "b": -1}`, options.Index().SetUnique(true))
	ensure(t, coll, `{"a": 1, "b": -1}`, options.Index().SetUnique(true)) // again
	ensure(t, coll, `{"at": 1}`, options.Index().SetName("ttl").SetExpireAfterSeconds(60))
	specs, err := coll.Indexes().ListSpecifications(ctx)
	require.NoError(t, err)
	require.Len(t, specs, 3)
	require.Equal(t, "_id_", specs[0].Name)
	require.Equal(t, "a_1_b_-1", specs[1].Name)
	require.True(t, *specs[1].Unique)
	require.EqualValues(t, 60, *specs[2].ExpireAfterSeconds)

	requireCode(t, 86, tryIndex(t, coll, `{"a": 1, "b": -1}`, nil))
	requireCode(t, 86, tryIndex(t, coll, `{"c": 1}`, options.Index().SetName("ttl")))
	requireCode(t, 85, tryIndex(t, coll, `{"at": 1}`, options.Index().SetName("other").SetExpireAfterSeconds(60)))
	requireCode(t, 67, tryIndex(t, coll, `{"p": 1, "q": 1}`, options.Index().SetExpireAfterSeconds(1)))

	require.NoError(t, coll.Indexes().DropOne(ctx, "ttl"))
	requireCode(t, 27, coll.Indexes().DropOne(ctx, "ttl"))
	requireCode(t, 72, coll.Indexes().DropOne(ctx, "_id_"))
	require.NoError(t, coll.Indexes().DropOne(ctx, "a_1_b_-1"))
	specs, err = coll.Indexes().ListSpecifications(ctx)
	require.NoError(t, err)
	require.Len(t, specs, 1)

	insert(t, coll, `{"_id": 1, "u": 1}`, `{"_id": 2, "u": 1}`)
	require.True(t, mongo.IsDuplicateKeyError(tryIndex(t, coll, `{"u": 1}`, options.Index().SetUnique(true))))
	specs, err = coll.Indexes().ListSpecifications(ctx)
	require.NoError(t, err)
	require.Len(t, specs, 1, "a failed index is not there")
}

// Each collection has its index on _id, which cannot be made otherwise.
func TestIDIndexTakesNoOptions(t *testing.T) {
	t.Parallel()
	coll := open(t)
	insert(t, coll, `{"_id": 1}`)
	ensure(t, coll, `{"_id": 1}`, nil)
	requireCode(t, 197, tryIndex(t, coll, `{"_id": 1}`, options.Index().SetUnique(true)))
	requireCode(t, 197, tryIndex(t, coll, `{"_id": 1}`, options.Index().SetExpireAfterSeconds(5)))
	requireCode(t, 2, tryIndex(t, coll, `{"_id": -1}`, nil))
	requireCode(t, 2, tryIndex(t, coll, `{"a": 1}`, options.Index().SetName("_id_")))
}

func TestParallelArraysCannotBeIndexed(t *testing.T) {
	t.Parallel()
	coll := open(t)
	ensure(t, coll, `{"a": 1, "b": 1}`, nil)
	insert(t, coll, `{"_id": 1, "a": [1, 2], "b": 1}`)
	_, err := coll.InsertOne(t.Context(), doc(t, `{"_id": 2, "a": [1], "b": [2]}`))
	requireCode(t, 171, err)
	require.Equal(t, []int{1}, ids(t, coll, bson.M{}))
}

func TestCompoundMultikeyIndexFindsWhatAScanFinds(t *testing.T) {
	t.Parallel()
	coll := open(t)
	ensure(t, coll, `{"l.x": 1, "l.y": 1}`, nil)
	insert(t, coll, `{"_id": 1, "l": [{"x": 1, "y": 5}, {"x": 2, "y": 6}]}`, `{"_id": 2, "l": {"x": 1, "y": 6}}`)
	by := options.Find().SetSort(bson.M{"_id": 1})
	require.Equal(t, []int{1, 2}, ids(t, coll, doc(t, `{"l.x": 1, "l.y": 6}`), by), "conditions met by different elements")
	require.Equal(t, []int{2}, ids(t, coll, doc(t, `{"l": {"x": 1, "y": 6}}`), by))
	require.Equal(t, []int{1}, ids(t, coll, doc(t, `{"l.x": {"$gt": 1, "$lt": 2}}`), by), "ends met by different elements")
	require.Equal(t, []int{1, 2}, ids(t, coll, doc(t, `{"l.x": {"$gte": 0, "$lt": 9}}`), by), "each document once")
}

// A list sorts by its smallest element, also when only a larger one is inside
// the range that was asked for.
func TestSortByAMultikeyIndex(t *testing.T) {
	t.Parallel()
	coll := open(t)
	ensure(t, coll, `{"v": 1}`, nil)
	insert(t, coll, `{"_id": 1, "v": [1, 10]}`, `{"_id": 2, "v": [5]}`, `{"_id": 3, "v": 7}`)
	above := bson.M{"v": bson.M{"$gt": 3}}
	require.Equal(t, []int{1, 2, 3}, ids(t, coll, above, options.Find().SetSort(bson.M{"v": 1})))
	require.Equal(t, []int{1, 3, 2}, ids(t, coll, above, options.Find().SetSort(bson.M{"v": -1})))
}

func TestManyWritersOneUniqueKey(t *testing.T) {
	t.Parallel()
	coll := open(t)
	ensure(t, coll, `{"slot": 1}`, options.Index().SetUnique(true).SetPartialFilterExpression(bson.M{"slot": bson.M{"$exists": true}}))
	won := contend(t, 16, func(ctx context.Context, i int) (bool, error) {
		_, err := coll.InsertOne(ctx, bson.M{"_id": fmt.Sprint(i), "slot": "first"})
		if mongo.IsDuplicateKeyError(err) {
			return false, nil
		}
		return err == nil, err
	})
	require.Equal(t, 1, won)
	n, err := coll.CountDocuments(t.Context(), bson.M{})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

// TestCountsByIndex counts where an index alone may know, and where it only seems
// to.
func TestCountsByIndex(t *testing.T) {
	t.Parallel()
	coll := open(t)
	ensure(t, coll, `{"g": 1, "n": 1}`, nil)
	ensure(t, coll, `{"tags": 1}`, nil)
	ensure(t, coll, `{"k": 1}`, options.Index().SetPartialFilterExpression(doc(t, `{"n": {"$gte": 2}}`)))
	insert(t, coll,
		`{"_id": 1, "g": "a", "n": 1, "k": 1, "tags": ["x", "y"]}`, `{"_id": 2, "g": "a", "n": 2, "k": 1, "tags": ["y"]}`,
		`{"_id": 3, "g": "a", "n": {"$numberDouble": "2"}, "k": 1}`, `{"_id": 4, "g": "a", "n": {"$numberDouble": "NaN"}, "k": 1}`,
		`{"_id": 5, "g": "a", "n": null}`, `{"_id": 6, "g": "a"}`, `{"_id": 7, "n": {"$numberLong": "2"}}`, `{"_id": 8, "g": null, "n": 3, "k": 1}`)
	for name, tc := range map[string]struct {
		query string
		want  int
	}{
		"everything":                         {`{}`, 8},
		"one value":                          {`{"g": "a"}`, 6},
		"numbers of all types":               {`{"g": "a", "n": 2}`, 2},
		"null and missing":                   {`{"g": {"$in": [null, "b"]}}`, 2},
		"null behind a value":                {`{"g": "a", "n": null}`, 2},
		"several of several":                 {`{"g": {"$in": ["a", null]}, "n": {"$in": [1, 2, 3]}}`, 5},
		"no value":                           {`{"g": {"$in": []}}`, 0},
		"NaN":                                {`{"g": "a", "n": {"$numberDouble": "NaN"}}`, 1},
		"a range, which NaN is not in":       {`{"g": "a", "n": {"$lte": 2}}`, 3},
		"two conditions on one field":        {`{"g": {"$in": ["a", "b"]}, "$and": [{"g": {"$in": ["b", null]}}]}`, 0},
		"one condition is no bound":          {`{"g": "a", "n": {"$ne": 2}}`, 4},
		"one condition is on another field":  {`{"g": "a", "_id": {"$in": [2, 4, 7]}}`, 2},
		"alternatives":                       {`{"g": "a", "$or": [{"n": 1}, {"k": 1}]}`, 4},
		"one document under several keys":    {`{"tags": {"$in": ["x", "y"]}}`, 2},
		"partial, with what it is by":        {`{"k": 1, "n": {"$gte": 2}}`, 3},
		"partial, with less than it is by":   {`{"k": 1, "n": {"$gte": 3}}`, 1},
		"partial, with a value of its field": {`{"k": 1, "n": 2}`, 2},
		"by _id":                             {`{"_id": {"$in": [1, 3, 99]}}`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, err := coll.CountDocuments(t.Context(), doc(t, tc.query))
			require.NoError(t, err)
			require.EqualValues(t, tc.want, n)
		})
	}
}
