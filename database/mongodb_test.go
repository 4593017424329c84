package database_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/goleak"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/database/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDatabaseServesTheDriver(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t)
	ctx := t.Context()
	runs := db.Database().Collection(database.Runs)
	_, err := runs.InsertOne(ctx, bson.M{"_id": "r1", "workflow_id": "w1", "status": "running", "n": 1})
	require.NoError(t, err)
	_, err = runs.InsertOne(ctx, bson.M{"_id": "r2", "workflow_id": "w1", "status": "running"})
	require.True(t, mongo.IsDuplicateKeyError(err), "%v", err)
	res, err := runs.UpdateOne(ctx, bson.M{"_id": "r1"}, bson.M{"$inc": bson.M{"n": 2}, "$set": bson.M{"a.b": "x", "status": "completed"}})
	require.NoError(t, err)
	require.EqualValues(t, 1, res.ModifiedCount)
	var got bson.M
	err = runs.FindOneAndUpdate(ctx, bson.M{"workflow_id": "w1", "status": "completed"}, bson.M{"$set": bson.M{"status": "done"}},
		options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&got)
	require.NoError(t, err)
	require.Equal(t, bson.M{"_id": "r1", "workflow_id": "w1", "status": "done", "n": int32(3), "a": map[string]any{"b": "x"}}, got)
	n, err := runs.CountDocuments(ctx, bson.M{})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.NoError(t, db.EnsureIndexes(ctx))
	specs, err := runs.Indexes().ListSpecifications(ctx)
	require.NoError(t, err)
	require.Len(t, specs, 6)
}

func TestEnsureIndexesReplacesWhatDiffers(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t)
	ctx := t.Context()
	runs := db.Database().Collection(database.Runs)
	specs, err := runs.Indexes().ListSpecifications(ctx)
	require.NoError(t, err)
	for _, spec := range specs[1:] { // the first is on _id
		require.NoError(t, runs.Indexes().DropOne(ctx, spec.Name))
	}
	_, err = runs.Indexes().CreateMany(ctx, []mongo.IndexModel{
		{Keys: bson.D{{Key: "something", Value: 1}}, Options: options.Index().SetName(database.RunsOneRunning)},
		{Keys: bson.D{{Key: "workflow_id", Value: 1}, {Key: "started_at", Value: -1}}, Options: options.Index().SetName("old_name")},
		{Keys: bson.D{{Key: "of_somebody_else", Value: 1}}},
	})
	require.NoError(t, err)
	require.NoError(t, db.EnsureIndexes(ctx))
	specs, err = runs.Indexes().ListSpecifications(ctx)
	require.NoError(t, err)
	var names []string
	for _, s := range specs {
		names = append(names, s.Name)
	}
	require.ElementsMatch(t, []string{"_id_", "of_somebody_else_1", "workflow_id_1_started_at_-1", database.RunsOneRunning, "lease_1", "workflow_id_1_idempotency_key_1", "unsettled_1"}, names)
}

func TestWhatThereIsOnlyOneOf(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t)
	for name, tc := range map[string]struct {
		collection string
		first      bson.M
		fine       []bson.M
		refused    bson.M
	}{
		"first admin": {database.Users, bson.M{"email": "a", "admin_slot": 1},
			[]bson.M{{"email": "b"}, {"email": "c"}}, bson.M{"email": "d", "admin_slot": 1}},
		"e-mail": {database.Users, bson.M{"email": "x@y"}, nil, bson.M{"email": "x@y"}},
		"share": {database.ClusterShares, bson.M{"cluster_id": "c", "user_id": "u"},
			[]bson.M{{"cluster_id": "c", "user_id": "v"}, {"cluster_id": "d", "user_id": "u"}}, bson.M{"cluster_id": "c", "user_id": "u"}},
		"cluster name": {database.Clusters, bson.M{"owner_id": "q", "name": "a"}, []bson.M{{"owner_id": "r", "name": "a"}}, bson.M{"owner_id": "q", "name": "a"}},
		"version":      {database.Versions, bson.M{"workflow_id": "w", "version": 1}, []bson.M{{"workflow_id": "w", "version": 2}}, bson.M{"workflow_id": "w", "version": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			coll := db.Database().Collection(tc.collection)
			for _, d := range append([]bson.M{tc.first}, tc.fine...) {
				_, err := coll.InsertOne(t.Context(), d)
				require.NoError(t, err)
			}
			_, err := coll.InsertOne(t.Context(), tc.refused)
			require.True(t, mongo.IsDuplicateKeyError(err), "%v", err)
		})
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := database.Open(t.Context(), database.Config{DataDir: dir})
	require.NoError(t, err)
	require.True(t, db.Embedded())
	_, err = database.Open(t.Context(), database.Config{DataDir: dir})
	require.ErrorContains(t, err, "in use by another process")
	require.ErrorContains(t, err, dir)
	require.NoError(t, db.Close(t.Context()))
	require.Error(t, db.Ping(t.Context()))

	_, err = database.Open(t.Context(), database.Config{URI: "nonsense://x"})
	require.ErrorContains(t, err, "connect the database")
	start := time.Now()
	_, err = database.Open(t.Context(), database.Config{URI: "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"})
	require.ErrorContains(t, err, "does not answer")
	require.Less(t, time.Since(start), 5*time.Second)

	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = database.Open(t.Context(), database.Config{DataDir: file})
	require.ErrorContains(t, err, "make the directory")
}

// A file that has lost its content must not look like a new database.
func TestLostFileIsNotOpened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := database.Open(t.Context(), database.Config{DataDir: dir})
	require.NoError(t, err)
	_, err = db.Database().Collection(database.Users).InsertOne(t.Context(), bson.M{"email": "a@b", "pad": strings.Repeat("x", 5000)})
	require.NoError(t, err)
	require.NoError(t, db.Close(t.Context()))
	path := filepath.Join(dir, "db", "store.bolt")
	whole, err := os.ReadFile(path)
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = database.Open(t.Context(), database.Config{DataDir: dir})
	require.ErrorIs(t, err, embedded.ErrEmpty)
	require.ErrorContains(t, err, path)

	// A change in the middle of a document is no fault of the structure.
	at := bytes.Index(whole, []byte("email\x00"))
	require.Positive(t, at)
	whole[at-1] = 0x7E
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	db, err = database.Open(t.Context(), database.Config{DataDir: dir})
	require.NoError(t, err)
	require.NoError(t, db.Close(t.Context()))
	_, err = database.Open(t.Context(), database.Config{DataDir: dir, Verify: true})
	require.ErrorIs(t, err, embedded.ErrDamaged)
	require.ErrorContains(t, err, "backup")
}

// Nil lists and maps are read back as empty ones, and documents of unknown shape as
// maps.
func TestEncoding(t *testing.T) {
	t.Parallel()
	coll := dbtest.Open(t).Database().Collection(database.Workflows)
	type node struct {
		ID   string         `bson:"_id"`
		Data any            `bson:"data"`
		List []string       `bson:"list"`
		Map  map[string]any `bson:"map"`
	}
	in := node{ID: "n", Data: map[string]any{"a.b": map[string]any{"$c": []any{map[string]any{"d": "e"}}}}}
	_, err := coll.InsertOne(t.Context(), in)
	require.NoError(t, err)
	var out node
	require.NoError(t, coll.FindOne(t.Context(), bson.M{"_id": "n"}).Decode(&out))
	require.Equal(t, in.Data, out.Data)
	require.Equal(t, []string{}, out.List)
	require.Equal(t, map[string]any{}, out.Map)
}
