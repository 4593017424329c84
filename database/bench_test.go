package database_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/database/dbtest"
)

// benchRows is the number of documents in the collection.
const benchRows = 5000

func filled(b *testing.B) *mongo.Collection {
	b.Helper()
	coll := dbtest.Open(b).Database().Collection(database.Clusters)
	docs := make([]any, benchRows)
	for i := range docs {
		docs[i] = bson.M{"_id": fmt.Sprintf("%024x", i), "owner_id": fmt.Sprint("owner", i%100), "name": fmt.Sprint("cluster", i), "n": 0}
	}
	if _, err := coll.InsertMany(b.Context(), docs); err != nil {
		b.Fatal(err)
	}
	return coll
}

// BenchmarkFloor is the fastest possible commit: a page and then its root are
// written and synced.
func BenchmarkFloor(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "floor"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	page := make([]byte, 4096)
	for b.Loop() {
		for at := range int64(2) {
			if _, err := f.WriteAt(page, at*4096); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkInsert(b *testing.B) {
	coll := dbtest.Open(b).Database().Collection(database.Clusters)
	for i := 0; b.Loop(); i++ {
		if _, err := coll.InsertOne(b.Context(), bson.M{"_id": fmt.Sprintf("%024x", i), "owner_id": "a", "name": fmt.Sprint(i)}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInsertParallel shows the gain of shared commits.
func BenchmarkInsertParallel(b *testing.B) {
	coll := dbtest.Open(b).Database().Collection(database.Clusters)
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id := bson.NewObjectID().Hex()
			if _, err := coll.InsertOne(b.Context(), bson.M{"_id": id, "owner_id": "a", "name": id}); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkFindByID(b *testing.B) {
	coll := filled(b)
	for i := 0; b.Loop(); i++ {
		var doc bson.M
		if err := coll.FindOne(b.Context(), bson.M{"_id": fmt.Sprintf("%024x", i%benchRows)}).Decode(&doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFindByIndex(b *testing.B) {
	coll := filled(b)
	for i := 0; b.Loop(); i++ {
		var doc bson.M
		filter := bson.M{"owner_id": fmt.Sprint("owner", i%100), "name": fmt.Sprint("cluster", i%benchRows)}
		if i%benchRows%100 != i%100 {
			b.Fatal("the filter matches nothing")
		}
		if err := coll.FindOne(b.Context(), filter).Decode(&doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUpdateField(b *testing.B) {
	coll := filled(b)
	for i := 0; b.Loop(); i++ {
		res, err := coll.UpdateByID(b.Context(), fmt.Sprintf("%024x", i%benchRows), bson.M{"$inc": bson.M{"n": 1}})
		if err != nil || res.ModifiedCount != 1 {
			b.Fatal(res, err)
		}
	}
}
