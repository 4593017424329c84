// Package dbtest gives tests a database of their own.
package dbtest

import (
	"context"
	"os"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/kubeorch/core/database"
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
		cfg.Name = "test_" + bson.NewObjectID().Hex()
	}
	db, err := database.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open the test database: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), closeTimeout)
		defer cancel()
		if cfg.URI != "" {
			if err := db.Database().Drop(ctx); err != nil {
				t.Errorf("drop the test database: %v", err)
			}
		}
		if err := db.Close(ctx); err != nil {
			t.Errorf("close the test database: %v", err)
		}
	})
	if err := db.EnsureIndexes(t.Context()); err != nil {
		t.Fatalf("create indexes: %v", err)
	}
	return db
}
