package conformance

import (
	"context"
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

func TestCountsAndDistinct(t *testing.T) {
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
	insert(t, coll, `{"_id": 100, "g": [2, "x", 7.0]}`)
	var vals []any
	require.NoError(t, coll.Distinct(ctx, "g", bson.M{}).Decode(&vals))
	require.Equal(t, []any{int32(0), int32(1), int32(2), 7.0, "x"}, vals)
}

func TestAggregation(t *testing.T) {
	t.Parallel()
	coll := open(t)
	insert(t, coll,
		`{"_id": 1, "g": "a", "n": 1, "sub": {"k": 5}}`, `{"_id": 2, "g": "b", "n": 2.5}`, `{"_id": 3, "g": "a", "n": 3}`, `{"_id": 4, "n": "x"}`)
	for name, tc := range map[string]struct{ pipeline, want string }{
		"match and project": {`[{"$match": {"g": "a"}}, {"$project": {"n": 1}}]`, `[{"_id": 1, "n": 1}, {"_id": 3, "n": 3}]`},
		"sort, skip, limit": {`[{"$sort": {"_id": -1}}, {"$skip": 1}, {"$limit": 2}, {"$project": {"_id": 1}}]`, `[{"_id": 3}, {"_id": 2}]`},
		"limit before skip": {`[{"$sort": {"_id": 1}}, {"$limit": 2}, {"$skip": 1}, {"$project": {"_id": 1}}]`, `[{"_id": 2}]`},
		"match after limit": {`[{"$sort": {"_id": 1}}, {"$limit": 2}, {"$match": {"g": "b"}}, {"$project": {"_id": 1}}]`, `[{"_id": 2}]`},
		"count":             {`[{"$match": {"g": {"$exists": true}}}, {"$count": "n"}]`, `[{"n": 3}]`},
		"count of nothing":  {`[{"$match": {"g": "zz"}}, {"$count": "n"}]`, `[]`},
		"group":             {`[{"$group": {"_id": "$g", "sum": {"$sum": "$n"}, "count": {"$sum": 1}, "min": {"$min": "$n"}, "max": {"$max": "$n"}}}, {"$sort": {"_id": 1}}]`, `[{"_id": null, "sum": 0, "count": 1, "min": "x", "max": "x"}, {"_id": "a", "sum": 4, "count": 2, "min": 1, "max": 3}, {"_id": "b", "sum": 2.5, "count": 1, "min": 2.5, "max": 2.5}]`},
		"group of all":      {`[{"$sort": {"_id": -1}}, {"$group": {"_id": null, "first": {"$first": "$_id"}, "k": {"$max": "$sub.k"}}}]`, `[{"_id": null, "first": 4, "k": 5}]`},
		"group by document": {`[{"$match": {"_id": 1}}, {"$group": {"_id": {"g": "$g", "k": "$sub.k"}}}]`, `[{"_id": {"g": "a", "k": 5}}]`},
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
			require.Equal(t, same(t, `{"r": `+tc.want+`}`), asJSON(t, bson.M{"r": got}))
		})
	}
}

func TestAggregationThatIsRefused(t *testing.T) {
	t.Parallel()
	embeddedOnly(t)
	coll := open(t)
	for _, tc := range []struct {
		stage bson.D
		code  int
	}{
		{bson.D{{Key: "$lookup", Value: bson.M{}}}, 40324},
		{bson.D{{Key: "$group", Value: bson.M{"_id": nil, "x": bson.M{"$push": "$a"}}}}, 15952},
		{bson.D{{Key: "$group", Value: bson.M{"_id": bson.M{"$add": bson.A{1, 2}}}}}, 168},
		{bson.D{{Key: "$project", Value: bson.M{"x": "$a"}}}, 2},
		{bson.D{{Key: "$limit", Value: 0}}, 15958},
	} {
		_, err := coll.Aggregate(t.Context(), mongo.Pipeline{tc.stage})
		requireCode(t, tc.code, err)
	}
}

func TestCollections(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t).Database()
	ctx := t.Context()
	require.NoError(t, db.CreateCollection(ctx, "made"))
	requireCode(t, 48, db.CreateCollection(ctx, "made"))
	insert(t, db.Collection("implicit"), `{"_id": 1}`)
	names, err := db.ListCollectionNames(ctx, bson.M{"name": bson.M{"$in": bson.A{"made", "implicit", "none"}}})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"made", "implicit"}, names)
	require.NoError(t, db.Collection("made").Drop(ctx))
	require.NoError(t, db.Collection("made").Drop(ctx), "dropping nothing is fine")
	requireCode(t, 73, db.Collection("bad$name").FindOne(ctx, bson.M{}).Err())
	dbs, err := db.Client().ListDatabaseNames(ctx, bson.M{"name": db.Name()})
	require.NoError(t, err)
	require.Equal(t, []string{db.Name()}, dbs)
	require.NoError(t, db.Drop(ctx))
	names, err = db.ListCollectionNames(ctx, bson.M{})
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestCommandsThatAreRefused(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t).Database()
	run := func(cmd string) error { return db.RunCommand(t.Context(), doc(t, cmd)).Err() }
	requireCode(t, 59, run(`{"frobnicate": 1}`))
	requireCode(t, 40415, run(`{"find": "x", "frobnicate": 1}`))
	requireCode(t, 14, run(`{"find": "x", "filter": 1}`))
	requireCode(t, 73, run(`{"find": ""}`))
	requireCode(t, 9, run(`{"delete": "x", "deletes": [{"q": {}, "limit": 5}]}`))
	insert(t, db.Collection("x"), `{"_id": 1}`)
	requireCode(t, 26, run(`{"listIndexes": "nope"}`))
	requireCode(t, 9, run(`{"findAndModify": "x"}`))
	requireCode(t, 9, run(`{"findAndModify": "x", "remove": true, "update": {"a": 1}}`))
}

func TestDocumentsAreStoredVerbatim(t *testing.T) {
	t.Parallel()
	coll := open(t)
	for i, text := range []string{
		`{"data": {"app.properties": "k=v\n", "$schema": "x", "": "empty", "a.b.c": {"$d": {"e.f": [{"$g": 1}]}}}}`,
		`{"nul": "a\u0000b", "u": "\u2028 ☃ 😀", "long": {"$numberLong": "9007199254740993"}, "d": {"$numberDouble": "-0.0"}}`,
		`{"dec": {"$numberDecimal": "1.10"}, "bin": {"$binary": {"base64": "AAEC", "subType": "80"}}, "re": {"$regularExpression": {"pattern": "a", "options": "i"}}}`,
		`{"min": {"$minKey": 1}, "max": {"$maxKey": 1}, "ts": {"$timestamp": {"t": 5, "i": 6}}, "empty": {}, "list": []}`,
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
