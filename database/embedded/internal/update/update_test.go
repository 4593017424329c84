package update

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/filter"
)

func raw(t testing.TB, text string) []byte {
	t.Helper()
	var d bson.D
	require.NoError(t, bson.UnmarshalExtJSON([]byte(text), false, &d), "in %s", text)
	out, err := bson.Marshal(d)
	require.NoError(t, err)
	return out
}

// FuzzUpdate applies any update to any document. What comes out must be a
// document again, with the same _id, and the input must be as it was.
func FuzzUpdate(f *testing.F) {
	doc := raw(f, `{"_id": 1, "a": 1, "l": [1, {"x": 1}, [2]], "p": {"q": {"r": "s"}}}`)
	for _, update := range []string{
		`{"$set": {"a": 2, "p.q.r": [], "l.1.x": {}}}`, `{"$unset": {"p.q": 1, "l.0": 1}}`, `{"$inc": {"a": 1, "b": 2.5}}`,
		`{"$push": {"l": {"$each": [1], "$slice": 3}}}`, `{"$addToSet": {"l": {"$each": [1, 9]}}}`,
		`{"$pull": {"l": {"x": {"$gte": 0}}}}`, `{"$pull": {"a.b": 1}}`, `{"$min": {"a": -1}, "$max": {"p": 3}}`,
		`{"$set": {"l.$[]": 1}}`, `{"$set": {"l.$[].x": 1, "p.q": 1}}`, `{"$setOnInsert": {"s": 1}}`, `{"other": "document"}`, `{"$set": {"l.5": 1}}`,
	} {
		f.Add(doc, raw(f, update), raw(f, `{"l": 1}`))
	}
	f.Fuzz(func(t *testing.T, doc, update, query []byte) {
		if bsonval.Validate(doc) != nil || bsonval.Validate(update) != nil || bsonval.Validate(query) != nil {
			t.Skip("no documents")
		}
		u, err := Parse(bsonval.Doc(update), nil)
		if err != nil {
			return
		}
		q, err := filter.Parse(query)
		if err != nil {
			return
		}
		before := bytes.Clone(doc)
		after, err := u.Apply(doc)
		require.Equal(t, before, doc, "the input was changed")
		if err != nil {
			return
		}
		require.NoError(t, bsonval.Validate(after))
		id, had := bsonval.Lookup(doc, "_id")
		newID, has := bsonval.Lookup(after, "_id")
		require.True(t, !had || has && bsonval.Equal(id, newID), "the _id was changed")
		if made, err := u.Insert(q); err == nil {
			require.NoError(t, bsonval.Validate(made))
			name, _, _ := bsonval.First(made)
			require.Equal(t, "_id", name)
		}
	})
}

func TestParentsThatAreDeepAreRefused(t *testing.T) {
	t.Parallel()
	path := "a"
	for range bsonval.MaxDepth {
		path += ".a"
	}
	set, err := bson.Marshal(bson.M{"$set": bson.M{path: 1}})
	require.NoError(t, err)
	_, err = Parse(bsonval.Doc(set), nil)
	require.ErrorContains(t, err, "nesting")
}
