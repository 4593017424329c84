package database_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/database/dbtest"
)

// openServer opens a database on a server, which is closed with the test.
func openServer(t *testing.T, uri string) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), database.Config{URI: uri})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close(context.WithoutCancel(t.Context())) })
	return db
}

// What finds no primary waits for one, fails when none comes, and recovers by
// itself.
func TestWithoutAPrimary(t *testing.T) {
	t.Parallel()
	set, uri := dbtest.ReplicaSet(t)
	db := openServer(t, uri+"&serverSelectionTimeoutMS=1000")
	runs := db.Database().Collection(database.Runs)
	insert := func(id string) error { _, err := runs.InsertOne(t.Context(), bson.M{"_id": id}); return err }
	find := func(id string) error { return runs.FindOne(t.Context(), bson.M{"_id": id}).Err() }
	require.NoError(t, insert("before"))

	set.StepDown(time.Hour)
	for _, try := range []func(string) error{insert, find, insert} {
		begin := time.Now()
		err := try("before")
		require.True(t, database.IsAway(err), "%v", err)
		require.Less(t, time.Since(begin), 5*time.Second)
	}
	require.Error(t, db.Ping(t.Context()))

	set.StepDown(300 * time.Millisecond)
	require.NoError(t, insert("after"))
	require.NoError(t, find("before"))
	require.NoError(t, db.Ping(t.Context()))

	require.NoError(t, db.Database().Client().Disconnect(t.Context()))
	require.True(t, database.IsAway(insert("late")))
}

// A database that cannot be used is one error that names no credential.
func TestServersThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	_, primary := dbtest.ReplicaSet(t)
	set, uri := dbtest.ReplicaSet(t)
	set.StepDown(time.Hour)
	for name, tc := range map[string]struct{ uri, err string }{
		"a wrong password":     {"mongodb://ann:hunter2@" + primary[len("mongodb://"):], "AuthenticationFailed"},
		"no primary":           {uri, "does not answer: server selection"},
		"nobody there":         {"mongodb://ann:hunter2@127.0.0.1:1/", "connection refused"},
		"another replica set":  {primary + "9", "does not answer"},
		"no such host":         {"mongodb+srv://ann:hunter2@nowhere.invalid/", "nowhere.invalid"},
		"an @ in the password": {"mongodb://ann:hun@ter2@127.0.0.1/", "unescaped @ sign"},
		"a % in the password":  {"mongodb://ann:hun%zzter2@127.0.0.1/", "%25"},
		"a / in the password":  {"mongodb://ann:hun/ter2@127.0.0.1/", "unescaped slash"},
		"a : in the password":  {"mongodb://ann:hun:ter2@127.0.0.1/", "unescaped colon"},
		"a # in the password":  {"mongodb://ann:hun#ter2@127.0.0.1:port/", "port"},
		"an unknown mechanism": {"mongodb://ann:hunter2@127.0.0.1/?authMechanism=NOPE", "auth mechanism"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			_, err := database.Open(t.Context(), database.Config{URI: tc.uri})
			require.ErrorContains(t, err, tc.err)
			require.NotContains(t, err.Error(), "hun")
			require.NotContains(t, err.Error(), "ter2")
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, time.Since(begin), 10*time.Second)
		})
	}
}
