package conformance

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database/dbtest"
)

// open returns an empty collection.
func open(t *testing.T) *mongo.Collection {
	t.Helper()
	return dbtest.Open(t).Database().Collection("things")
}

// embeddedOnly ends a test that is about a promise MongoDB does not make.
func embeddedOnly(t *testing.T) {
	t.Helper()
	if os.Getenv(dbtest.ServerEnv) != "" {
		t.Skipf("only the embedded store promises this; unset %s to run it", dbtest.ServerEnv)
	}
}

// doc reads a document in extended JSON, the smallest notation.
func doc(t *testing.T, text string) bson.D {
	t.Helper()
	var d bson.D
	require.NoError(t, bson.UnmarshalExtJSON([]byte(text), false, &d), "in %s", text)
	return d
}

func insert(t *testing.T, coll *mongo.Collection, docs ...string) {
	t.Helper()
	for _, text := range docs {
		_, err := coll.InsertOne(t.Context(), doc(t, text))
		require.NoError(t, err, "insert %s", text)
	}
}

// load returns the document with that _id as relaxed extended JSON.
func load(t *testing.T, coll *mongo.Collection, id any) string {
	t.Helper()
	raw, err := coll.FindOne(t.Context(), bson.M{"_id": id}).Raw()
	require.NoError(t, err)
	return asJSON(t, raw)
}

func asJSON(t *testing.T, d any) string {
	t.Helper()
	out, err := bson.MarshalExtJSON(d, false, false)
	require.NoError(t, err)
	return string(out)
}

// same brings text into the notation of load.
func same(t *testing.T, text string) string {
	t.Helper()
	return asJSON(t, doc(t, text))
}

// ids runs a query and returns the _id of each result, which must be integers.
func ids(t *testing.T, coll *mongo.Collection, filter any, o ...options.Lister[options.FindOptions]) []int {
	t.Helper()
	cur, err := coll.Find(t.Context(), filter, o...)
	require.NoError(t, err)
	var rows []struct {
		ID int `bson:"_id"`
	}
	require.NoError(t, cur.All(t.Context(), &rows))
	found := []int{}
	for _, r := range rows {
		found = append(found, r.ID)
	}
	return found
}

// requireCode checks that err is a failure that the server named by that code.
func requireCode(t *testing.T, code int, err error) {
	t.Helper()
	var se mongo.ServerError
	require.ErrorAs(t, err, &se, "want a server error with code %d", code)
	require.True(t, se.HasErrorCode(code), "want code %d, got %v", code, err)
}
