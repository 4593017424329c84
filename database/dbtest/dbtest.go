// Package dbtest gives tests a database of their own.
package dbtest

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/database/dbtest/replicaset"
	"github.com/kubeorch/core/database/embedded"
)

// ServerEnv names the variable that lets tests use a MongoDB server.
const ServerEnv = "TEST_MONGO_URI"

const closeTimeout = 10 * time.Second

// Open returns an empty database with all indexes: an embedded store in the test's
// directory or, if TEST_MONGO_URI is set, a new database on that server. It is
// closed and removed when the test ends.
func Open(t testing.TB) *database.DB {
	t.Helper()
	cfg := database.Config{URI: os.Getenv(ServerEnv), DataDir: t.TempDir()}
	if cfg.URI != "" {
		cfg.Name = newName()
	}
	return open(t, cfg, true)
}

// OpenShared returns count connections to one empty database with all indexes, as
// that many servers on one MongoDB have them. Without TEST_MONGO_URI an embedded
// store answers on a port of this machine; DB.Embedded is false nevertheless.
func OpenShared(t testing.TB, count int) []*database.DB {
	t.Helper()
	cfg := database.Config{URI: os.Getenv(ServerEnv), Name: newName()}
	if cfg.URI == "" {
		cfg.URI = serve(t)
	}
	list := make([]*database.DB, count)
	for i := range list {
		list[i] = open(t, cfg, i == 0) // the first is closed last
	}
	return list
}

func newName() string { return "test_" + bson.NewObjectID().Hex() }

// open opens a database, which is closed when the test ends. The first one who
// opens it makes its indexes and, on a server, drops it.
func open(t testing.TB, cfg database.Config, first bool) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open the test database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := afterTest(t)
		defer cancel()
		if first && os.Getenv(ServerEnv) != "" {
			if err := db.Database().Drop(ctx); err != nil {
				t.Errorf("drop the test database: %v", err)
			}
		}
		if err := db.Close(ctx); err != nil {
			t.Errorf("close the test database: %v", err)
		}
	})
	if first {
		if err := db.EnsureIndexes(t.Context()); err != nil {
			t.Fatalf("create indexes: %v", err)
		}
	}
	return db
}

// ReplicaSet serves an empty database as a replica set of one member until the
// test ends. Whoever opens its URI has to close that before.
func ReplicaSet(t testing.TB) (set *replicaset.Set, uri string) {
	t.Helper()
	store := newStore(t)
	set = replicaset.New("rs0", func(ctx context.Context) (net.Conn, error) { return store.DialContext(ctx, "", "") })
	address := listen(t, func(ctx context.Context, ln net.Listener) error { return set.Serve(ctx, ln, "") })
	return set, "mongodb://" + address + "/?replicaSet=rs0"
}

// serve serves an embedded store until the test ends, and returns its URI.
func serve(t testing.TB) string {
	t.Helper()
	return "mongodb://" + listen(t, newStore(t).Serve)
}

// newStore returns an empty store, which is closed when the test ends.
func newStore(t testing.TB) *embedded.Store {
	t.Helper()
	store, err := embedded.Open(t.Context(), t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatalf("open the test database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := afterTest(t)
		defer cancel()
		if err := store.Close(ctx); err != nil {
			t.Errorf("close the test database: %v", err)
		}
	})
	return store
}

// listen serves a port of this machine until the test ends, and returns its
// address.
func listen(t testing.TB, serve func(context.Context, net.Listener) error) (address string) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen for the test database: %v", err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("serve the test database: %v", err)
		}
	})
	return ln.Addr().String()
}

// afterTest returns a context for what is done when that of the test has ended.
func afterTest(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(t.Context()), closeTimeout)
}
