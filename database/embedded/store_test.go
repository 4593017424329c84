package embedded_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database/embedded"
)

// openStore opens a store in dir with a client; both are closed with the test.
func openStore(t testing.TB, dir string, o embedded.Options) (*embedded.Store, *mongo.Database) {
	t.Helper()
	s, err := embedded.Open(t.Context(), dir, o)
	require.NoError(t, err)
	client, err := mongo.Connect(s.ClientOptions())
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		require.NoError(t, client.Disconnect(ctx))
		require.NoError(t, s.Close(ctx))
	})
	return s, client.Database("test")
}

func TestTTLIndexRemovesWhatExpired(t *testing.T) {
	t.Parallel()
	var now atomic.Pointer[time.Time]
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now.Store(&start)
	s, db := openStore(t, t.TempDir(), embedded.Options{Now: func() time.Time { return *now.Load() }, Sweep: time.Millisecond})
	coll := db.Collection("sessions")
	_, err := coll.Indexes().CreateOne(t.Context(), mongo.IndexModel{
		Keys: bson.D{{Key: "at", Value: 1}}, Options: options.Index().SetExpireAfterSeconds(60)})
	require.NoError(t, err)
	var docs []any
	for i := range 1200 {
		docs = append(docs, bson.M{"_id": i, "at": start})
	}
	docs = append(docs, bson.M{"_id": "later", "at": start.Add(time.Hour)}, bson.M{"_id": "text", "at": "2020"}, bson.M{"_id": "none"},
		bson.M{"_id": "list", "at": bson.A{start.Add(time.Hour), start}})
	_, err = coll.InsertMany(t.Context(), docs)
	require.NoError(t, err)
	early := start.Add(59 * time.Second)
	now.Store(&early)
	require.Equal(t, 1204, count(t, coll))
	late := start.Add(61 * time.Second)
	now.Store(&late)
	require.Eventually(t, func() bool { return count(t, coll) == 3 }, 10*time.Second, 2*time.Millisecond)
	cur, err := coll.Find(t.Context(), bson.M{}, options.Find().SetSort(bson.M{"_id": 1}))
	require.NoError(t, err)
	var left []struct {
		ID string `bson:"_id"`
	}
	require.NoError(t, cur.All(t.Context(), &left))
	require.Equal(t, "later none text", left[0].ID+" "+left[1].ID+" "+left[2].ID)
	require.NoError(t, s.Verify(t.Context()))
}

func count(t *testing.T, coll *mongo.Collection) int {
	t.Helper()
	n, err := coll.CountDocuments(t.Context(), bson.M{})
	require.NoError(t, err)
	return int(n)
}

func TestReopenedStoreHasEverything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	unique := mongo.IndexModel{Keys: bson.D{{Key: "k", Value: 1}}, Options: options.Index().SetUnique(true)}
	for i := range 3 {
		s, client, err := connect(t.Context(), dir)
		require.NoError(t, err)
		coll := client.Database("test").Collection("c")
		if i == 0 {
			_, err = coll.Indexes().CreateOne(t.Context(), unique)
			require.NoError(t, err)
		}
		_, err = coll.InsertOne(t.Context(), bson.M{"_id": i, "k": bson.A{i, "x" + strings.Repeat("y", i)}})
		require.NoError(t, err)
		_, err = coll.InsertOne(t.Context(), bson.M{"k": i})
		require.True(t, mongo.IsDuplicateKeyError(err))
		require.Equal(t, i+1, count(t, coll))
		require.NoError(t, client.Disconnect(t.Context()))
		require.NoError(t, s.Close(t.Context()))
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	s, err := embedded.Open(t.Context(), t.TempDir(), embedded.Options{})
	require.NoError(t, err)
	client, err := mongo.Connect(s.ClientOptions().SetServerSelectionTimeout(200 * time.Millisecond))
	require.NoError(t, err)
	coll := client.Database("test").Collection("c")
	_, err = coll.InsertOne(t.Context(), bson.M{"_id": "x"})
	require.NoError(t, err)

	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { // writes until the store is gone
			for err := error(nil); err == nil; {
				_, err = coll.InsertOne(t.Context(), bson.M{})
			}
		})
	}
	require.NoError(t, s.Close(t.Context()))
	wg.Wait()
	require.NoError(t, s.Close(t.Context()), "closing twice is fine")
	_, err = s.DialContext(t.Context(), "tcp", "")
	require.ErrorIs(t, err, embedded.ErrClosed)
	require.NoError(t, client.Disconnect(t.Context()))
}

// syncBuffer is written by the store and read by the test.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.b.Reset()
	return s.b.String()
}

func TestScansAreReported(t *testing.T) {
	t.Parallel()
	var logged syncBuffer
	log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	_, db := openStore(t, t.TempDir(), embedded.Options{Log: log})
	coll := db.Collection("c")
	for _, key := range []bson.D{
		{{Key: "a", Value: 1}, {Key: "b", Value: -1}},
		{{Key: "tags", Value: 1}},
	} {
		_, err := coll.Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: key})
		require.NoError(t, err)
	}
	_, err := coll.Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: bson.D{{Key: "p", Value: 1}},
		Options: options.Index().SetPartialFilterExpression(bson.M{"on": true})})
	require.NoError(t, err)
	_, err = coll.InsertOne(t.Context(), bson.M{"a": 1, "b": 2, "p": 3, "on": true, "tags": bson.A{1, 2}})
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		filter bson.M
		sort   bson.D
		scans  bool
	}{
		"_id":                             {filter: bson.M{"_id": "x"}},
		"prefix":                          {filter: bson.M{"a": 1}},
		"both fields":                     {filter: bson.M{"a": 1, "b": bson.M{"$gt": 1}}},
		"in":                              {filter: bson.M{"a": bson.M{"$in": bson.A{1, 2}}}},
		"inside and":                      {filter: bson.M{"$and": bson.A{bson.M{"a": 1}}}},
		"multikey":                        {filter: bson.M{"tags": 2}},
		"second field alone":              {filter: bson.M{"b": 1}, scans: true},
		"negation":                        {filter: bson.M{"a": bson.M{"$ne": 1}}, scans: true},
		"or":                              {filter: bson.M{"$or": bson.A{bson.M{"a": 1}, bson.M{"a": 2}}}, scans: true},
		"partial, implied":                {filter: bson.M{"p": 3, "on": true}},
		"partial, not implied":            {filter: bson.M{"p": 3}, scans: true},
		"everything needs no index":       {filter: bson.M{}},
		"sort by an index":                {filter: bson.M{"a": 1}, sort: bson.D{{Key: "b", Value: 1}}},
		"whole collection by its order":   {filter: bson.M{}, sort: bson.D{{Key: "a", Value: -1}}},
		"field that no index begins with": {filter: bson.M{"zz": 1}, scans: true},
	} {
		t.Run(name, func(t *testing.T) {
			logged.take()
			cur, err := coll.Find(t.Context(), tc.filter, options.Find().SetSort(append(bson.D{}, tc.sort...)))
			require.NoError(t, err)
			require.NoError(t, cur.Close(t.Context()))
			require.Equal(t, tc.scans, strings.Contains(logged.take(), "scanning the collection"))
		})
	}
}
