package database_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

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

// listed returns 20,000 documents as of an inventory of ten clusters, and the
// ids of the clusters.
func listed(b *testing.B) (*mongo.Collection, bson.A) {
	b.Helper()
	coll := dbtest.Open(b).Database().Collection("listed")
	_, err := coll.Indexes().CreateOne(b.Context(), mongo.IndexModel{Keys: bson.D{
		{Key: "cluster_id", Value: 1}, {Key: "deleted", Value: 1}, {Key: "system", Value: 1},
		{Key: "created_at", Value: -1}, {Key: "_id", Value: -1},
	}})
	require.NoError(b, err)
	clusters := make(bson.A, 10)
	for i := range clusters {
		clusters[i] = fmt.Sprintf("%024x", i)
	}
	spec := bson.M{"replicas": 3, "image": "registry.example.com/shop/web:1.2.3", "ports": bson.A{80, 443}, "text": strings.Repeat("x", 600)}
	docs := make([]any, 20_000)
	for i := range docs {
		docs[i] = bson.D{
			{Key: "_id", Value: fmt.Sprintf("%024x", i*7919%len(docs))}, {Key: "cluster_id", Value: clusters[i%10]},
			{Key: "kind", Value: "Pod"}, {Key: "namespace", Value: fmt.Sprint("team-", i%40)}, {Key: "name", Value: fmt.Sprintf("web-%x-%d", i*31, i)},
			{Key: "labels", Value: bson.M{"app": "web", "tier": "front"}}, {Key: "spec", Value: spec},
			{Key: "system", Value: i%5 == 0}, {Key: "deleted", Value: false}, {Key: "created_at", Value: time.UnixMilli(int64(i * 1000))},
		}
	}
	_, err = coll.InsertMany(b.Context(), docs)
	require.NoError(b, err)
	return coll, clusters
}

// BenchmarkListNewest reads a page of 25 of what several clusters have, and the
// page behind 500 others.
func BenchmarkListNewest(b *testing.B) {
	coll, clusters := listed(b)
	q := bson.D{{Key: "cluster_id", Value: bson.M{"$in": clusters}}, {Key: "deleted", Value: false}, {Key: "system", Value: bson.M{"$in": bson.A{true, false}}}}
	for _, skip := range []int64{0, 500} {
		b.Run(fmt.Sprint("skip=", skip), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				page := findPage(b, coll, q, bson.D{{Key: "created_at", Value: -1}, {Key: "_id", Value: -1}}, skip)
				require.Len(b, page, 25)
			}
		})
	}
}

// BenchmarkCountListed counts what a page of a list is a part of.
func BenchmarkCountListed(b *testing.B) {
	coll, clusters := listed(b)
	q := bson.D{{Key: "cluster_id", Value: bson.M{"$in": clusters}}, {Key: "deleted", Value: false}, {Key: "system", Value: bson.M{"$in": bson.A{true, false}}}}
	b.ReportAllocs()
	for b.Loop() {
		n, err := coll.CountDocuments(b.Context(), q)
		require.NoError(b, err)
		require.Equal(b, int64(20_000), n)
	}
}

// BenchmarkSearch looks through all of a list for a part of a name: for a page in
// an order that no index has, and for the count.
func BenchmarkSearch(b *testing.B) {
	coll, clusters := listed(b)
	part := bson.M{"$regex": "19", "$options": "i"}
	q := bson.D{
		{Key: "cluster_id", Value: bson.M{"$in": clusters}}, {Key: "deleted", Value: false}, {Key: "system", Value: bson.M{"$in": bson.A{true, false}}},
		{Key: "$or", Value: bson.A{bson.M{"name": part}, bson.M{"namespace": part}}},
	}
	b.Run("page", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.Len(b, findPage(b, coll, q, bson.D{{Key: "name", Value: 1}, {Key: "_id", Value: 1}}, 0), 25)
		}
	})
	b.Run("count", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n, err := coll.CountDocuments(b.Context(), q)
			require.NoError(b, err)
			require.Positive(b, n)
		}
	})
}

func findPage(b *testing.B, coll *mongo.Collection, q, by bson.D, skip int64) []bson.Raw {
	b.Helper()
	cur, err := coll.Find(b.Context(), q, options.Find().SetSort(by).SetSkip(skip).SetLimit(25))
	require.NoError(b, err)
	var page []bson.Raw
	require.NoError(b, cur.All(b.Context(), &page))
	return page
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
