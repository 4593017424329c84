package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database/dbtest"
)

// refuses runs a command in extended JSON, which must fail with the code and a
// message that names what is not supported.
func refuses(t *testing.T, db *mongo.Database, cmd string, code int, name string) {
	t.Helper()
	err := db.RunCommand(t.Context(), doc(t, cmd)).Err()
	requireCode(t, code, err)
	require.ErrorContains(t, err, name, "%s", cmd)
}

// What MongoDB can do and the store cannot is refused by its name.
func TestCommandsThatAreRefused(t *testing.T) {
	t.Parallel()
	embeddedOnly(t)
	db := dbtest.Open(t).Database()
	insert(t, db.Collection("x"), `{"_id": 1, "a": 1}`)
	for _, name := range []string{"distinct", "drop", "create", "collMod", "renameCollection", "mapReduce", "explain", "validate", "collStats"} {
		refuses(t, db, `{"`+name+`": "x"}`, 59, name)
	}
	for _, name := range []string{"dropDatabase", "listDatabases", "buildInfo", "serverStatus", "endSessions", "commitTransaction", "createUser"} {
		refuses(t, db, `{"`+name+`": 1}`, 59, name)
	}
	for _, option := range []string{"hint", "collation", "let", "min", "max", "returnKey", "showRecordId", "tailable", "noCursorTimeout", "allowDiskUse"} {
		refuses(t, db, `{"find": "x", "`+option+`": {"a": 1}}`, 40415, option)
	}
	refuses(t, db, `{"find": "x", "readConcern": {"level": "snapshot"}}`, 40415, "readConcern.level")
	refuses(t, db, `{"find": "x", "txnNumber": 1}`, 20, "txnNumber")
	refuses(t, db, `{"find": "x", "limit": 1, "limit": 2}`, 40413, "find.limit")
	refuses(t, db, `{"find": "x", "lsid": {}}`, 40415, "lsid")
	refuses(t, db, `{"count": "x", "query": {"a": 1}}`, 40415, "query")
	refuses(t, db, `{"insert": "x", "documents": [{}], "bypassDocumentValidation": true}`, 40415, "bypassDocumentValidation")
	refuses(t, db, `{"update": "x", "updates": [{"q": {}, "u": {"$set": {"a": 2}}, "collation": {}}]}`, 40415, "collation")
	refuses(t, db, `{"update": "x", "updates": [{"q": {}, "u": {"$set": {"a": 2}}, "hint": "a"}]}`, 40415, "hint")
	refuses(t, db, `{"findAndModify": "x", "update": {"$set": {"a": 2}}, "hint": "a"}`, 40415, "hint")
	refuses(t, db, `{"dropIndexes": "x", "index": "*"}`, 2, "*")
	require.Equal(t, []int{1}, ids(t, db.Collection("x"), bson.M{"a": 1}), "nothing was done")
}

func TestTypesThatAreRefused(t *testing.T) {
	t.Parallel()
	embeddedOnly(t)
	db := dbtest.Open(t).Database()
	for _, v := range []string{
		`{"$numberDecimal": "1.5"}`, `{"$regularExpression": {"pattern": "a", "options": ""}}`, `{"$timestamp": {"t": 1, "i": 1}}`,
		`{"$minKey": 1}`, `{"$maxKey": 1}`, `{"$undefined": true}`, `{"$symbol": "a"}`, `{"$code": "f"}`,
	} {
		refuses(t, db, `{"insert": "x", "documents": [{"_id": 1, "odd": [`+v+`]}]}`, 2, "not supported")
		refuses(t, db, `{"find": "x", "filter": {"odd": `+v+`}}`, 2, "'odd' holds a")
		refuses(t, db, `{"update": "x", "updates": [{"q": {}, "u": {"$inc": {"odd": `+v+`}}}]}`, 2, "'odd' holds a")
	}
	require.Empty(t, ids(t, db.Collection("x"), bson.M{}))
}

func TestConditionsThatAreRefused(t *testing.T) {
	t.Parallel()
	embeddedOnly(t)
	db := dbtest.Open(t).Database()
	insert(t, db.Collection("x"), `{"_id": 1, "a": [1]}`)
	for _, op := range []string{"$all", "$mod", "$type", "$where", "$near", "$geoWithin", "$bitsAllSet", "$comment", "$jsonSchema", "$expr", "$ref"} {
		refuses(t, db, `{"find": "x", "filter": {"a": {"`+op+`": 1}}}`, 2, op)
	}
	for _, op := range []string{"$nor", "$where", "$expr", "$text", "$jsonSchema", "$comment", "$alwaysTrue"} {
		refuses(t, db, `{"find": "x", "filter": {"`+op+`": [{"a": 1}]}}`, 2, op)
	}
	for _, v := range []string{`null`, `true`, `[1]`, `{"a": 1}`, `{"$binary": {"base64": "AA==", "subType": "00"}}`} {
		refuses(t, db, `{"find": "x", "filter": {"a": {"$gte": `+v+`}}}`, 2, "$gte with a value of type")
	}
	refuses(t, db, `{"find": "x", "filter": {"a": {"$not": {"$ne": 1}}}}`, 2, "$not around $ne")
	refuses(t, db, `{"find": "x", "filter": {"a": {"$exists": 1}}}`, 2, "$exists")
	refuses(t, db, `{"find": "x", "filter": {"a": {"$in": [{"$gt": 1}]}}}`, 2, "$in")
	refuses(t, db, `{"find": "x", "sort": {"a": {"$meta": "textScore"}}}`, 2, `"a"`)
	refuses(t, db, `{"find": "x", "sort": {"a.0": 1}}`, 2, "a.0")
	refuses(t, db, `{"find": "x", "sort": {"a": 1, "b": 1, "a": -1}}`, 2, "twice")
	for _, p := range []string{`{"a": {"$slice": 1}}`, `{"a": {"$elemMatch": {}}}`, `{"b": "$a"}`, `{"a.$": 1}`, `{"_id.x": 1}`} {
		refuses(t, db, `{"find": "x", "projection": `+p+`}`, 2, "not supported")
	}
	for _, stage := range []string{`{"$lookup": {}}`, `{"$sort": {"a": 1}}`, `{"$project": {"a": 1}}`, `{"$unwind": "$a"}`} {
		refuses(t, db, `{"aggregate": "x", "pipeline": [`+stage+`], "cursor": {}}`, 40324, "stage name")
	}
	for _, g := range []string{
		`{"_id": {"a": "$a"}}`, `{"_id": "$a.b"}`, `{"_id": "$$ROOT"}`, `{"_id": null, "n": {"$sum": {"$add": [1, 2]}}}`, `{"_id": null, "n": {"$sum": 0.5}}`,
	} {
		refuses(t, db, `{"aggregate": "x", "pipeline": [{"$group": `+g+`}], "cursor": {}}`, 2, "not supported")
	}
	refuses(t, db, `{"aggregate": "x", "pipeline": [{"$group": {"_id": null, "n": {"$push": "$a"}}}], "cursor": {}}`, 15952, "$push")
	refuses(t, db, `{"aggregate": "x", "pipeline": [{"$match": {}}], "cursor": {}}`, 2, "$group")
	refuses(t, db, `{"aggregate": "x", "pipeline": [{"$limit": 1}, {"$match": {}}], "cursor": {}}`, 2, "$match after $limit")
}

// Only patterns that mean the same to PCRE and RE2 are accepted.
func TestPatternsThatAreRefused(t *testing.T) {
	t.Parallel()
	embeddedOnly(t)
	db := dbtest.Open(t).Database()
	for _, pattern := range []string{`foo$`, `a.b`, `a|b`, `a*`, `(a)`, `[a-z]`, `a{2}`, `\\d`, `\\Qa\\E`, `\\`, `a^`, `a?`, `a\u0000`, `(?i)a`} {
		refuses(t, db, `{"find": "x", "filter": {"a": {"$regex": "`+pattern+`"}}}`, 2, "$regex")
	}
	for _, options := range []string{"m", "s", "x", "u", "im"} {
		refuses(t, db, `{"find": "x", "filter": {"a": {"$regex": "a", "$options": "`+options+`"}}}`, 2, "$options")
	}
	refuses(t, db, `{"find": "x", "filter": {"a": {"$regex": 1}}}`, 2, "$regex")
	coll := db.Collection("texts")
	insert(t, coll, `{"_id": 1, "s": "1.5 (x)"}`, `{"_id": 2, "s": "1x5"}`, `{"_id": 3, "s": "ÄRGER"}`)
	require.Equal(t, []int{1}, ids(t, coll, doc(t, `{"s": {"$regex": "^1\\.5 \\(x\\)"}}`)))
	require.Equal(t, []int{3}, ids(t, coll, doc(t, `{"s": {"$regex": "^ärg", "$options": "i"}}`)))
}

func TestUpdatesThatAreNotSupported(t *testing.T) {
	t.Parallel()
	embeddedOnly(t)
	coll := open(t)
	insert(t, coll, `{"_id": 1, "l": [1, 2]}`)
	for _, op := range []string{"$mul", "$rename", "$currentDate", "$pop", "$pullAll", "$pushAll", "$bit"} {
		_, err := coll.UpdateByID(t.Context(), 1, bson.M{op: bson.M{"l": 1}})
		requireCode(t, 9, err)
		require.ErrorContains(t, err, op)
	}
	for _, clause := range []string{"$sort", "$position"} {
		_, err := coll.UpdateByID(t.Context(), 1, bson.M{"$push": bson.M{"l": bson.D{{Key: "$each", Value: bson.A{1}}, {Key: clause, Value: 1}}}})
		requireCode(t, 2, err)
		require.ErrorContains(t, err, clause)
	}
	for code, u := range map[int]any{9: bson.A{bson.M{"$set": bson.M{"a": 1}}}, 2: bson.M{"$set": bson.M{"l.99999999": 1}}} {
		_, err := coll.UpdateOne(t.Context(), bson.M{}, u)
		requireCode(t, code, err)
	}
	_, err := coll.UpdateOne(t.Context(), bson.M{"l": 1}, doc(t, `{"$set": {"l.$": 5}}`))
	requireCode(t, 2, err)
	require.ErrorContains(t, err, "positional operator $")
	_, err = coll.UpdateOne(t.Context(), bson.M{}, doc(t, `{"$addToSet": {"l": {"a": 1, "$each": [1]}}}`))
	requireCode(t, 2, err)
	_, err = coll.UpdateOne(t.Context(), doc(t, `{"_id.a": 1}`), doc(t, `{"$set": {"b": 1}}`), options.UpdateOne().SetUpsert(true))
	requireCode(t, 2, err)
	require.Equal(t, same(t, `{"_id": 1, "l": [1, 2]}`), load(t, coll, 1))
}

func TestIndexKindsThatAreRefused(t *testing.T) {
	t.Parallel()
	embeddedOnly(t)
	coll := open(t)
	for _, key := range []string{`{"a": "text"}`, `{"a": "hashed"}`, `{"a": "2dsphere"}`, `{"$**": 1}`, `{"a.0": 1}`, `{"a": 2}`, `{"a": 1, "b": 1, "a": 1}`} {
		requireCode(t, 67, tryIndex(t, coll, key, nil))
	}
	for option, o := range map[string]*options.IndexOptionsBuilder{
		"collation": options.Index().SetCollation(&options.Collation{Locale: "en"}), "sparse": options.Index().SetSparse(true),
		"hidden": options.Index().SetHidden(true), "storageEngine": options.Index().SetStorageEngine(bson.M{"a": bson.M{}}),
	} {
		err := tryIndex(t, coll, `{"a": 1}`, o)
		requireCode(t, 197, err)
		require.ErrorContains(t, err, option)
	}
	requireCode(t, 67, tryIndex(t, coll, `{"a": 1}`, options.Index().SetPartialFilterExpression(doc(t, `{"$or": [{"a": 1}, {"b": 1}]}`))))
	requireCode(t, 67, tryIndex(t, coll, `{"a": 1}`, options.Index().SetPartialFilterExpression(doc(t, `{"a": {"$ne": 1}}`))))
}
