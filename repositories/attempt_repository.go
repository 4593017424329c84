package repositories

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// Attempts stores how often keys have failed. A TTL index deletes what has
// expired. It is safe for concurrent use.
type Attempts struct{ coll *mongo.Collection }

// NewAttempts returns the attempts of db.
func NewAttempts(db *mongo.Database) *Attempts { return &Attempts{db.Collection(database.Attempts)} }

// ByID returns the failures of a key, which are zero when none are stored.
func (r *Attempts) ByID(ctx context.Context, id string) (f models.FailedAttempts, err error) {
	err = r.coll.FindOne(ctx, byID(id)).Decode(&f)
	if errors.Is(err, mongo.ErrNoDocuments) {
		err = nil
	}
	return f, translate("repositories.Attempts.ByID", "attempts", err)
}

// Swap stores to until expires, if from is stored; zero values stand for no
// document. Of concurrent calls with the same from, one does.
func (r *Attempts) Swap(ctx context.Context, id string, from, to models.FailedAttempts, expires time.Time) (swapped bool, err error) {
	const op = "repositories.Attempts.Swap"
	stored := append(byID(id), bson.E{Key: "count", Value: from.Count}, bson.E{Key: "last", Value: from.Last})
	fresh := bson.D{{Key: "count", Value: to.Count}, {Key: "last", Value: to.Last}, {Key: "expires", Value: expires}}
	switch {
	case from.Count == 0:
		_, err = r.coll.InsertOne(ctx, append(byID(id), fresh...))
		if mongo.IsDuplicateKeyError(err) {
			return false, nil
		}
		return err == nil, translate(op, "attempts", err)
	case to.Count == 0:
		res, err := r.coll.DeleteOne(ctx, stored)
		return err == nil && res.DeletedCount > 0, translate(op, "attempts", err)
	}
	res, err := r.coll.UpdateOne(ctx, stored, set(fresh))
	return err == nil && res.MatchedCount > 0, translate(op, "attempts", err)
}

// Delete forgets the failures of a key.
func (r *Attempts) Delete(ctx context.Context, id string) error {
	_, err := r.coll.DeleteOne(ctx, byID(id))
	return translate("repositories.Attempts.Delete", "attempts", err)
}
