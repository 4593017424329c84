package dbtest

import (
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
)

// Documents returns everything that is stored, as text, in the order of collections
// and ids.
func Documents(t testing.TB, db *database.DB) (list []string) {
	t.Helper()
	names, err := db.Database().ListCollectionNames(t.Context(), bson.D{})
	if err != nil {
		t.Fatalf("list the collections: %v", err)
	}
	slices.Sort(names)
	for _, name := range names {
		cursor, err := db.Database().Collection(name).Find(t.Context(), bson.D{}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
		if err != nil {
			t.Fatalf("read %s: %v", name, err)
		}
		for cursor.Next(t.Context()) {
			list = append(list, name+" "+cursor.Current.String())
		}
		if err := cursor.Err(); err != nil {
			t.Fatalf("read %s: %v", name, err)
		}
	}
	return list
}

// SetSchema makes a database one that a server of another version has changed, with
// which no older one can work.
func SetSchema(t testing.TB, db *database.DB, version int) {
	t.Helper()
	_, err := db.Database().Collection(database.Settings).UpdateOne(t.Context(), bson.D{{Key: "_id", Value: "schema"}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "version", Value: version}, {Key: "oldest", Value: version}}}})
	if err != nil {
		t.Fatalf("set the schema: %v", err)
	}
}
