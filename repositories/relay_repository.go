package repositories

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// RelayLog stores the log that the servers of one database share. Its entries have
// the numbers 1, 2, 3, …; number 0 is a document that holds the epoch of the log.
// What it returns cannot be undone by a failover. It is safe for concurrent use.
type RelayLog struct{ coll *mongo.Collection }

// NewRelayLog returns the log of db.
func NewRelayLog(db *mongo.Database) *RelayLog {
	return &RelayLog{db.Collection(database.RelayLog, options.Collection().
		SetReadConcern(readconcern.Majority()).SetReadPreference(readpref.Primary()).SetWriteConcern(writeconcern.Majority()))}
}

// Epoch returns the random name of this log, which is made by the first call on an
// empty database. It tells numbers of this log from those of another one. Of
// concurrent first calls, one may be a Conflict, which does not come a second time.
func (r *RelayLog) Epoch(ctx context.Context) (string, error) {
	var doc struct {
		Epoch string `bson:"epoch"`
	}
	made := bson.D{{Key: "$setOnInsert", Value: bson.D{{Key: "epoch", Value: strings.ToLower(rand.Text()[:10])}}}}
	err := r.coll.FindOneAndUpdate(ctx, numbered(0), made,
		options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Decode(&doc)
	return doc.Epoch, translate("repositories.RelayLog.Epoch", "log", err)
}

// Append stores e. It is a Conflict when there is an entry with its number.
func (r *RelayLog) Append(ctx context.Context, e models.RelayEntry) error {
	_, err := r.coll.InsertOne(ctx, e)
	return translate("repositories.RelayLog.Append", "entry", err)
}

// After returns up to limit entries with a number greater than n, in order.
func (r *RelayLog) After(ctx context.Context, n int64, limit int) ([]models.RelayEntry, error) {
	return findAll[models.RelayEntry](ctx, r.coll, "repositories.RelayLog.After", "entries",
		bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: n}}}},
		options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(int64(limit)))
}

// Newest returns the number of the newest entry, or 0 when there is none.
func (r *RelayLog) Newest(ctx context.Context) (int64, error) {
	var doc struct {
		N int64 `bson:"_id"`
	}
	err := r.coll.FindOne(ctx, bson.D{}, options.FindOne().SetSort(bson.D{{Key: "_id", Value: -1}}).SetProjection(fields())).Decode(&doc)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return 0, nil
	}
	return doc.N, translate("repositories.RelayLog.Newest", "entry", err)
}

// DeleteThrough deletes the entries up to and including number n. The epoch stays.
func (r *RelayLog) DeleteThrough(ctx context.Context, n int64) error {
	_, err := r.coll.DeleteMany(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: int64(0)}, {Key: "$lte", Value: n}}}})
	return translate("repositories.RelayLog.DeleteThrough", "entries", err)
}

func numbered(n int64) bson.D { return bson.D{{Key: "_id", Value: n}} }
