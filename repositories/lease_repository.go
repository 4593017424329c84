package repositories

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// fenceID is the document that counts fencing numbers. No lease has this name.
const fenceID = "#fence"

// Leases stores who holds which lease. It is safe for concurrent use.
type Leases struct{ coll *mongo.Collection }

// NewLeases returns the leases of db.
func NewLeases(db *mongo.Database) *Leases { return &Leases{db.Collection(database.Leases, lasting())} }

// Get returns a lease; one that was never taken has no holder.
func (r *Leases) Get(ctx context.Context, name string) (models.LeaseRecord, error) {
	rec := models.LeaseRecord{Name: name}
	err := r.coll.FindOne(ctx, byID(name)).Decode(&rec)
	if errors.Is(err, mongo.ErrNoDocuments) {
		err = nil
	}
	return rec, translate("repositories.Leases.Get", "lease", err)
}

// List returns the leases whose names begin with prefix.
func (r *Leases) List(ctx context.Context, prefix string) ([]models.LeaseRecord, error) {
	names := bson.D{{Key: "$gte", Value: prefix}, {Key: "$lt", Value: prefix + "\uffff"}}
	return findAll[models.LeaseRecord](ctx, r.coll, "repositories.Leases.List", "leases", bson.D{
		{Key: "_id", Value: names}, {Key: "holder", Value: bson.D{{Key: "$exists", Value: true}}},
	})
}

// Fences returns the first of n new fencing numbers in a row.
func (r *Leases) Fences(ctx context.Context, n int) (int64, error) {
	var doc struct {
		Next int64 `bson:"next"`
	}
	for range 2 { // the second time when another server has just made the document
		err := r.coll.FindOneAndUpdate(ctx, byID(fenceID), bson.D{{Key: "$inc", Value: bson.D{{Key: "next", Value: n}}}},
			options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Decode(&doc)
		if !mongo.IsDuplicateKeyError(err) {
			return doc.Next - int64(n) + 1, translate("repositories.Leases.Fences", "lease", err)
		}
	}
	return 0, &models.Error{Op: "repositories.Leases.Fences", Kind: models.Conflict, Msg: "the lease is busy"}
}

// Take gives a lease to holder, if it is still as seen. It reports whether it did.
func (r *Leases) Take(ctx context.Context, seen models.LeaseRecord, holder string, fence int64, at time.Time) (bool, error) {
	const op = "repositories.Leases.Take"
	next := models.LeaseRecord{Name: seen.Name, Holder: holder, Fence: fence, Since: at}
	if seen.Fence == 0 {
		_, err := r.coll.InsertOne(ctx, next)
		if mongo.IsDuplicateKeyError(err) {
			return r.holds(ctx, op, next)
		}
		return err == nil, translate(op, "lease", err)
	}
	filter := append(byID(seen.Name), bson.E{Key: "holder", Value: seen.Holder}, bson.E{Key: "fence", Value: seen.Fence})
	res, err := r.coll.UpdateOne(ctx, filter,
		set(bson.D{{Key: "holder", Value: holder}, {Key: "fence", Value: fence}, {Key: "since", Value: at}}))
	if err != nil {
		return false, translate(op, "lease", err)
	}
	return res.MatchedCount > 0, nil
}

// holds tells a lease that an attempt without an answer has taken from one that
// another holder took.
func (r *Leases) holds(ctx context.Context, op string, want models.LeaseRecord) (bool, error) {
	n, err := r.coll.CountDocuments(ctx, append(byID(want.Name), bson.E{Key: "fence", Value: want.Fence}))
	return n > 0, translate(op, "lease", err)
}

// Release frees a lease, if holder has it under that fencing number.
func (r *Leases) Release(ctx context.Context, name, holder string, fence int64) error {
	filter := append(byID(name), bson.E{Key: "holder", Value: holder}, bson.E{Key: "fence", Value: fence})
	_, err := r.coll.DeleteOne(ctx, filter)
	return translate("repositories.Leases.Release", "lease", err)
}

// Forget removes a lease of something that exists no longer, if holder has it.
func (r *Leases) Forget(ctx context.Context, name, holder string) error {
	_, err := r.coll.DeleteOne(ctx, append(byID(name), bson.E{Key: "holder", Value: holder}))
	return translate("repositories.Leases.Forget", "lease", err)
}

// ReleaseAll frees all leases of holder.
func (r *Leases) ReleaseAll(ctx context.Context, holder string) error {
	_, err := r.coll.DeleteMany(ctx, bson.D{{Key: "holder", Value: holder}})
	return translate("repositories.Leases.ReleaseAll", "lease", err)
}
