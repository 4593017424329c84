package conformance

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/kubeorch/core/database/dbtest"
)

func TestInsertManyOrderedAndUnordered(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ordered bool
		failed  []int
		stored  []int
	}{
		"ordered stops":     {true, []int{1}, []int{1}},
		"unordered goes on": {false, []int{1, 3}, []int{1, 2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			coll := open(t)
			docs := []any{bson.M{"_id": 1}, bson.M{"_id": 1}, bson.M{"_id": 2}, bson.M{"_id": 2}, bson.M{"_id": 3}}
			_, err := coll.InsertMany(t.Context(), docs, options.InsertMany().SetOrdered(tc.ordered))
			var be mongo.BulkWriteException
			require.ErrorAs(t, err, &be)
			var failed []int
			for _, e := range be.WriteErrors {
				require.Equal(t, 11000, e.Code)
				failed = append(failed, e.Index)
			}
			require.Equal(t, tc.failed, failed)
			require.Equal(t, tc.stored, ids(t, coll, bson.M{}, options.Find().SetSort(bson.M{"_id": 1})))
		})
	}
}

func TestBulkWrite(t *testing.T) {
	t.Parallel()
	coll := open(t)
	res, err := coll.BulkWrite(t.Context(), []mongo.WriteModel{
		mongo.NewInsertOneModel().SetDocument(bson.M{"_id": 1, "n": 1}),
		mongo.NewInsertOneModel().SetDocument(bson.M{"_id": 2, "n": 1}),
		mongo.NewUpdateOneModel().SetFilter(bson.M{"_id": 1}).SetUpdate(bson.M{"$inc": bson.M{"n": 1}}),
		mongo.NewUpdateManyModel().SetFilter(bson.M{}).SetUpdate(bson.M{"$inc": bson.M{"n": 10}}),
		mongo.NewUpdateOneModel().SetFilter(bson.M{"_id": 3}).SetUpdate(bson.M{"$set": bson.M{"n": 0}}).SetUpsert(true),
		mongo.NewReplaceOneModel().SetFilter(bson.M{"_id": 2}).SetReplacement(bson.M{"r": true}),
		mongo.NewDeleteOneModel().SetFilter(bson.M{"_id": 1}),
	})
	require.NoError(t, err)
	require.EqualValues(t, 2, res.InsertedCount)
	require.EqualValues(t, 4, res.MatchedCount)
	require.EqualValues(t, 4, res.ModifiedCount)
	require.EqualValues(t, 1, res.UpsertedCount)
	require.EqualValues(t, 3, res.UpsertedIDs[4])
	require.EqualValues(t, 1, res.DeletedCount)
	require.Equal(t, []int{2}, ids(t, coll, bson.M{"r": true}))
}

func TestFindAndModify(t *testing.T) {
	t.Parallel()
	coll := open(t)
	ctx := t.Context()
	insert(t, coll, `{"_id": 1, "p": 5, "s": "new"}`, `{"_id": 2, "p": 9, "s": "new"}`)
	var got bson.M
	lowest := options.FindOneAndUpdate().SetSort(bson.M{"p": -1})
	require.NoError(t, coll.FindOneAndUpdate(ctx, bson.M{"s": "new"}, bson.M{"$set": bson.M{"s": "taken"}}, lowest).Decode(&got))
	require.Equal(t, bson.M{"_id": int32(2), "p": int32(9), "s": "new"}, got, "the document before")
	got = nil
	after := options.FindOneAndUpdate().SetReturnDocument(options.After).SetProjection(bson.M{"s": 1, "_id": 0})
	require.NoError(t, coll.FindOneAndUpdate(ctx, bson.M{"_id": 1}, bson.M{"$set": bson.M{"s": "x"}}, after).Decode(&got))
	require.Equal(t, bson.M{"s": "x"}, got)
	err := coll.FindOneAndUpdate(ctx, bson.M{"s": "none"}, bson.M{"$set": bson.M{"s": "y"}}).Err()
	require.ErrorIs(t, err, mongo.ErrNoDocuments)

	upsert := options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)
	got = nil
	require.NoError(t, coll.FindOneAndUpdate(ctx, bson.M{"_id": 9}, bson.M{"$setOnInsert": bson.M{"p": 1}}, upsert).Decode(&got))
	require.Equal(t, bson.M{"_id": int32(9), "p": int32(1)}, got)
	err = coll.FindOneAndUpdate(ctx, bson.M{"_id": 10}, bson.M{"$set": bson.M{"p": 1}}, options.FindOneAndUpdate().SetUpsert(true)).Err()
	require.ErrorIs(t, err, mongo.ErrNoDocuments, "there was no document before")

	got = nil
	require.NoError(t, coll.FindOneAndReplace(ctx, bson.M{"_id": 9}, bson.M{"z": 1}, options.FindOneAndReplace().SetReturnDocument(options.After)).Decode(&got))
	require.Equal(t, bson.M{"_id": int32(9), "z": int32(1)}, got)
	got = nil
	require.NoError(t, coll.FindOneAndDelete(ctx, bson.M{"z": 1}).Decode(&got))
	require.Equal(t, bson.M{"_id": int32(9), "z": int32(1)}, got)
	require.ErrorIs(t, coll.FindOneAndDelete(ctx, bson.M{"z": 1}).Err(), mongo.ErrNoDocuments)
}

func TestCounts(t *testing.T) {
	t.Parallel()
	coll := open(t)
	ctx := t.Context()
	for _, q := range []bson.M{{}, {"x": 1}} {
		n, err := coll.CountDocuments(ctx, q)
		require.NoError(t, err)
		require.Zero(t, n, "of a collection that is not there")
	}
	numbered(t, coll, 10)
	n, err := coll.CountDocuments(ctx, bson.M{"g": 0})
	require.NoError(t, err)
	require.EqualValues(t, 4, n)
	n, err = coll.CountDocuments(ctx, bson.M{}, options.Count().SetSkip(3).SetLimit(5))
	require.NoError(t, err)
	require.EqualValues(t, 5, n)
	n, err = coll.EstimatedDocumentCount(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 10, n)
}

func TestAggregation(t *testing.T) {
	t.Parallel()
	coll := open(t)
	insert(t, coll,
		`{"_id": 1, "g": "a", "n": 1, "sub": {"k": 5}}`, `{"_id": 2, "g": "b", "n": 2}`, `{"_id": 3, "g": "a", "n": 3}`, `{"_id": 4, "n": "x"}`)
	for name, tc := range map[string]struct{ pipeline, want string }{
		"count":            {`[{"$match": {"g": {"$exists": true}}}, {"$group": {"_id": 1, "n": {"$sum": 1}}}]`, `[{"_id": 1, "n": 3}]`},
		"count of nothing": {`[{"$match": {"g": "zz"}}, {"$group": {"_id": 1, "n": {"$sum": 1}}}]`, `[]`},
		"count of a page":  {`[{"$skip": 1}, {"$limit": 2}, {"$group": {"_id": null, "n": {"$sum": {"$numberLong": "1"}}}}]`, `[{"_id": null, "n": 2}]`},
		"count by a field": {`[{"$match": {"g": {"$ne": null}}}, {"$group": {"_id": "$g", "n": {"$sum": 1}, "sum": {"$sum": "$n"}}}]`, `[{"_id": "a", "n": 2, "sum": 4}, {"_id": "b", "n": 1, "sum": 2}]`},
		"missing is null":  {`[{"$match": {"g": null}}, {"$group": {"_id": "$g.h", "sum": {"$sum": "$n"}}}]`, `[{"_id": null, "sum": 0}]`},
		"nested":           {`[{"$group": {"_id": null, "sum": {"$sum": "$sub.k"}}}]`, `[{"_id": null, "sum": 5}]`},
		"groups alone":     {`[{"$match": {"_id": {"$lt": 3}}}, {"$group": {"_id": "$g"}}]`, `[{"_id": "a"}, {"_id": "b"}]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var in struct{ P bson.A }
			require.NoError(t, bson.UnmarshalExtJSON([]byte(`{"p": `+tc.pipeline+`}`), false, &in))
			cur, err := coll.Aggregate(t.Context(), in.P)
			require.NoError(t, err)
			got := bson.A{}
			for cur.Next(t.Context()) {
				got = append(got, cur.Current)
			}
			require.NoError(t, cur.Err())
			slices.SortFunc(got, func(a, b any) int { return strings.Compare(asJSON(t, a), asJSON(t, b)) })
			require.Equal(t, same(t, `{"r": `+tc.want+`}`), asJSON(t, bson.M{"r": got}))
		})
	}
}

func TestCollections(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t).Database()
	insert(t, db.Collection("implicit"), `{"_id": 1}`)
	names, err := db.ListCollectionNames(t.Context(), bson.M{"name": bson.M{"$in": bson.A{"implicit", "none"}}})
	require.NoError(t, err)
	require.Equal(t, []string{"implicit"}, names)
	requireCode(t, 73, db.Collection("bad$name").FindOne(t.Context(), bson.M{}).Err())
}

func TestRequestsThatAreWrong(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t).Database()
	insert(t, db.Collection("x"), `{"_id": 1, "n": 1}`)
	for cmd, code := range map[string]int{
		`{"frobnicate": 1}`:                                                              59,
		`{"find": "x", "frobnicate": 1}`:                                                 40415,
		`{"find": "x", "filter": 1}`:                                                     14,
		`{"find": ""}`:                                                                   73,
		`{"find": "x", "skip": -1}`:                                                      51024,
		`{"find": "x", "singleBatch": "yes"}`:                                            14,
		`{"delete": "x", "deletes": [{"q": {}, "limit": 5}]}`:                            9,
		`{"delete": "x", "deletes": [{"q": {}}]}`:                                        40414,
		`{"delete": "x", "deletes": [{"limit": 1}]}`:                                     40414,
		`{"update": "x", "updates": [{"q": {}}]}`:                                        40414,
		`{"update": "x", "updates": [{"q": {}, "u": {"a": 1}, "z": 1}]}`:                 40415,
		`{"insert": "x"}`:                                                                40414,
		`{"insert": "x", "documents": []}`:                                               16,
		`{"createIndexes": "x"}`:                                                         40414,
		`{"dropIndexes": "x"}`:                                                           40414,
		`{"getMore": {"$numberLong": "5"}}`:                                              40414,
		`{"getMore": {"$numberLong": "5"}, "collection": "x"}`:                           43,
		`{"aggregate": "x", "pipeline": [{"$group": {"_id": null}}]}`:                    9,
		`{"aggregate": "x", "pipeline": [{"$skip": -1}], "cursor": {}}`:                  5107200,
		`{"aggregate": "x", "pipeline": [{"$limit": -1}], "cursor": {}}`:                 5107201,
		`{"listIndexes": "nope"}`:                                                        26,
		`{"findAndModify": "x"}`:                                                         9,
		`{"findAndModify": "x", "remove": true, "update": {"a": 1}}`:                     9,
		`{"findAndModify": "x", "remove": true, "arrayFilters": []}`:                     9,
		`{"findAndModify": "x", "remove": true, "upsert": true}`:                         9,
		`{"findAndModify": "x", "remove": true, "new": true}`:                            9,
		`{"aggregate": "x", "pipeline": [{"$match": {}, "$limit": 1}], "cursor": {}}`:    40323,
		`{"aggregate": "x", "pipeline": [{}], "cursor": {}}`:                             40323,
		`{"aggregate": "x", "pipeline": [{"$limit": 0}], "cursor": {}}`:                  15958,
		`{"aggregate": "x", "pipeline": [{"$group": {"n": {"$sum": 1}}}], "cursor": {}}`: 15955,
		`{"aggregate": "x", "pipeline": [{"$group": {"_id": 1, "n": {"$sum": 1, "$max": 1}}}], "cursor": {}}`: 40238,
		`{"aggregate": "x", "cursor": {}}`: 40414,
	} {
		requireCode(t, code, db.RunCommand(t.Context(), doc(t, cmd)).Err())
	}
	require.Equal(t, []int{1}, ids(t, db.Collection("x"), bson.M{"n": 1}), "nothing was done")
}

func TestDocumentsAreStoredVerbatim(t *testing.T) {
	t.Parallel()
	coll := open(t)
	for i, text := range []string{
		`{"data": {"app.properties": "k=v\n", "$schema": "x", "": "empty", "a.b.c": {"$d": {"e.f": [{"$g": 1}]}}}}`,
		`{"nul": "a\u0000b", "u": "\u2028 ☃ 😀", "long": {"$numberLong": "9007199254740993"}, "d": {"$numberDouble": "-0.0"}}`,
		`{"bin": {"$binary": {"base64": "AAEC", "subType": "80"}}, "empty": {}, "list": [], "null": null, "on": false}`,
	} {
		d := append(bson.D{{Key: "_id", Value: i}}, doc(t, text)...)
		_, err := coll.InsertOne(t.Context(), d)
		require.NoError(t, err)
		require.Equal(t, asJSON(t, d), load(t, coll, i))
	}
}

func TestDocumentsThatCannotBeStored(t *testing.T) {
	t.Parallel()
	coll := open(t)
	_, err := coll.InsertOne(t.Context(), bson.M{"_id": bson.A{1}})
	requireCode(t, 53, err)
	_, err = coll.InsertOne(t.Context(), bson.M{"_id": 1, "big": strings.Repeat("x", 16<<20)})
	require.Error(t, err)
	insert(t, coll, `{"_id": 1}`)
	for range 2 {
		_, err = coll.UpdateByID(t.Context(), 1, bson.M{"$push": bson.M{"l": strings.Repeat("x", 9<<20)}})
	}
	require.Error(t, err, "an update that makes a document too large")
	deep := bson.M{}
	for range 190 {
		deep = bson.M{"d": deep}
	}
	_, err = coll.InsertOne(t.Context(), bson.M{"_id": 2, "deep": deep})
	require.Error(t, err)
	require.Equal(t, []int{1}, ids(t, coll, bson.M{}), "and the connection still works")
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	coll := open(t)
	numbered(t, coll, 5000)
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	_, err := coll.Find(ctx, bson.M{"v": bson.M{"$regex": "x"}})
	require.True(t, mongo.IsTimeout(err), "%v", err)
	_, err = coll.InsertOne(ctx, bson.M{"_id": -1})
	require.Error(t, err)
	require.Empty(t, ids(t, coll, bson.M{"_id": -1}))
	require.Len(t, ids(t, coll, bson.M{}), 5000)
}

func TestUnacknowledgedWrites(t *testing.T) {
	t.Parallel()
	coll := open(t)
	quiet := coll.Clone(options.Collection().SetWriteConcern(writeconcern.Unacknowledged()))
	for i := range 20 {
		_, err := quiet.InsertOne(t.Context(), bson.M{"_id": i})
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		n, err := coll.CountDocuments(t.Context(), bson.M{})
		return err == nil && n == 20
	}, 10*time.Second, 5*time.Millisecond)
}
