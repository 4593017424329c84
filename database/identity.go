package database

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// identityID is the one document about the database itself, in Settings.
const identityID = "identity"

// ErrOtherSecrets is returned by BindSecrets when the database is bound to other
// secrets than the caller thinks.
var ErrOtherSecrets = errors.New("the database belongs to other secrets")

// Identity tells databases apart and says which secrets one belongs to.
type Identity struct {
	// ID is made with the database and stays.
	ID string `bson:"id"`
	// New is true while a database that was empty when it got its ID is bound to
	// no secrets yet. A database that an earlier version made is never new.
	New bool `bson:"new"`
	// Secrets is the fingerprint of the secrets that the database is bound to;
	// empty if it is bound to none.
	Secrets string `bson:"secrets"`
}

// Identity returns the identity of the database, which gets one if it has none.
func (d *DB) Identity(ctx context.Context) (Identity, error) {
	var who Identity
	settings := d.db.Collection(Settings)
	err := settings.FindOne(ctx, bson.D{{Key: "_id", Value: identityID}}).Decode(&who)
	if !errors.Is(err, mongo.ErrNoDocuments) {
		return who, wrapIdentity(err)
	}
	err = d.db.Collection(Users).FindOne(ctx, bson.D{}, options.FindOne().SetProjection(bson.D{{Key: "_id", Value: 1}})).Err()
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return who, wrapIdentity(err)
	}
	made := Identity{ID: bson.NewObjectID().Hex(), New: err != nil}
	// Several servers may come here at once; the first one decides.
	err = settings.FindOneAndUpdate(ctx, bson.D{{Key: "_id", Value: identityID}}, bson.D{{Key: "$setOnInsert", Value: made}},
		options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Decode(&who)
	if mongo.IsDuplicateKeyError(err) {
		return d.Identity(ctx)
	}
	return who, wrapIdentity(err)
}

// BindSecrets binds the database to the secrets with that fingerprint, if it is
// still bound to those with the fingerprint was, which is empty for none.
// Otherwise it returns ErrOtherSecrets. Identity must have been called before.
func (d *DB) BindSecrets(ctx context.Context, was, fingerprint string) error {
	res, err := d.db.Collection(Settings).UpdateOne(ctx,
		bson.D{{Key: "_id", Value: identityID}, {Key: "secrets", Value: was}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "secrets", Value: fingerprint}, {Key: "new", Value: false}}}})
	if err == nil && res.MatchedCount == 0 {
		err = ErrOtherSecrets
	}
	return wrapIdentity(err)
}

func wrapIdentity(err error) error {
	if err != nil {
		return fmt.Errorf("identity of the database: %w", err)
	}
	return nil
}
