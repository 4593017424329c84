package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// writers is how many goroutines share the store's commits in the second
// figure of a write.
const writers = 16

// measureStore reports the embedded store's speed through the driver, with
// every write on disk before it is acknowledged.
func measureStore(ctx context.Context, b *bench) (err error) {
	db, err := database.Open(ctx, database.Config{DataDir: filepath.Join(b.dir, "store")})
	if err != nil {
		return err
	}
	defer func() {
		if e := db.Close(ctx); err == nil {
			err = e
		}
	}()
	if err := db.EnsureIndexes(ctx); err != nil {
		return err
	}
	coll := db.Database().Collection(database.Workflows)
	const seeded = 2000
	ids := make([]string, seeded)
	for i := range ids {
		ids[i] = models.NewID()
		if _, err := coll.InsertOne(ctx, sample(ids[i], i)); err != nil {
			return err
		}
	}
	for _, op := range []struct {
		name  string
		write bool
		do    func(ctx context.Context, n int) error
	}{
		{"insert", true, func(ctx context.Context, n int) error {
			_, err := coll.InsertOne(ctx, sample(models.NewID(), n))
			return err
		}},
		{"find by id", false, func(ctx context.Context, n int) error {
			return found(coll.FindOne(ctx, bson.D{{Key: "_id", Value: ids[n%seeded]}}))
		}},
		{"find by index", false, func(ctx context.Context, n int) error {
			return found(coll.FindOne(ctx, bson.D{{Key: "owner_id", Value: owner(n % seeded)}}))
		}},
		{"update of one field", true, func(ctx context.Context, n int) error {
			_, err := coll.UpdateOne(ctx, bson.D{{Key: "_id", Value: ids[n%seeded]}}, bson.D{{Key: "$set", Value: bson.D{{Key: "run_count", Value: n}}}})
			return err
		}},
	} {
		one, err := rate(ctx, 1, op.do)
		if err != nil {
			return err
		}
		many, err := rate(ctx, writers, op.do)
		if err != nil {
			return err
		}
		b.add(row{what: "embedded store: " + op.name, got: fmt.Sprintf("%.0f/s; %.0f/s with %d at once", one, many, writers), floor: "-", bar: "reported", info: true})
	}
	return nil
}

func found(r *mongo.SingleResult) error { return r.Err() }

func owner(n int) string { return fmt.Sprintf("%024x", n) }

// sample is a document of about 1 KB.
func sample(id string, n int) bson.D {
	return bson.D{
		{Key: "_id", Value: id}, {Key: "owner_id", Value: owner(n)}, {Key: "updated_at", Value: time.Now()},
		{Key: "name", Value: fmt.Sprintf("workflow %d", n)}, {Key: "run_count", Value: 0},
		{Key: "nodes", Value: bson.A{bson.D{{Key: "id", Value: "node-1"}, {Key: "data", Value: string(make([]byte, 900))}}}},
	}
}

// rate returns how often a second do succeeds when workers call it.
func rate(ctx context.Context, workers int, do func(context.Context, int) error) (float64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var n atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for range workers {
		wg.Go(func() {
			for time.Since(begin) < loadTime && ctx.Err() == nil {
				if err := do(ctx, int(n.Add(1))); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(begin).Seconds(), context.Cause(ctx)
}
