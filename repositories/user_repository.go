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

// Users stores accounts. It is safe for concurrent use.
type Users struct{ coll *mongo.Collection }

// NewUsers returns the users of db.
func NewUsers(db *mongo.Database) *Users { return &Users{db.Collection(database.Users)} }

// userDocument is a user as it is stored. Only the first account has an
// AdminSlot, and a unique index lets one document have it.
type userDocument struct {
	models.User `bson:",inline"`
	AdminSlot   bool `bson:"admin_slot,omitempty"`
}

// HasAdmin reports whether the first account exists.
func (r *Users) HasAdmin(ctx context.Context) (bool, error) {
	const op = "repositories.Users.HasAdmin"
	err := r.coll.FindOne(ctx, bson.D{{Key: "admin_slot", Value: true}},
		options.FindOne().SetProjection(bson.D{{Key: "_id", Value: 1}})).Err()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, translate(op, "user", err)
}

// InsertFirst stores u as the first account, unless there is one: then it
// stores nothing and first is false. Of many calls at once, one is first.
func (r *Users) InsertFirst(ctx context.Context, u models.User) (first bool, err error) {
	_, err = r.coll.InsertOne(ctx, userDocument{User: u, AdminSlot: true})
	if mongo.IsDuplicateKeyError(err) {
		return false, nil
	}
	return err == nil, translate("repositories.Users.InsertFirst", "user", err)
}

// Insert stores a later account. An e-mail address that is taken is a Conflict.
func (r *Users) Insert(ctx context.Context, u models.User) error {
	_, err := r.coll.InsertOne(ctx, userDocument{User: u})
	return translate("repositories.Users.Insert", "user", err)
}

// ByEmail returns the account with a lower-case address, or NotFound.
func (r *Users) ByEmail(ctx context.Context, email string) (models.User, error) {
	return r.find(ctx, "repositories.Users.ByEmail", bson.D{{Key: "email", Value: email}})
}

// ByID returns an account, or NotFound.
func (r *Users) ByID(ctx context.Context, id string) (models.User, error) {
	return r.find(ctx, "repositories.Users.ByID", account(id))
}

// ByIDs returns those of the accounts that exist, in any order.
func (r *Users) ByIDs(ctx context.Context, ids []string) ([]models.User, error) {
	return found[models.User](ctx, r.coll, "repositories.Users.ByIDs", "user", append(byIDs(ids), has("email")))
}

// SetName changes the name and returns the account as it then is.
func (r *Users) SetName(ctx context.Context, id, name string, at time.Time) (models.User, error) {
	const op = "repositories.Users.SetName"
	change := set(bson.D{{Key: "name", Value: name}, {Key: "updated_at", Value: at}})
	var u models.User
	err := r.coll.FindOneAndUpdate(ctx, byID(id), change, options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&u)
	return u, translate(op, "user", err)
}

// SetPasswordHash replaces the password's hash if it is from, and ends the
// account's sessions except keep in the same step. It is a Conflict when the
// hash is another one by now.
func (r *Users) SetPasswordHash(ctx context.Context, id string, c models.HashChange) error {
	const op = "repositories.Users.SetPasswordHash"
	filter := append(byID(id), bson.E{Key: "password_hash", Value: c.From})
	change := newEpoch(bson.D{
		{Key: "password_hash", Value: c.To}, {Key: "kept_session", Value: c.KeepSession}, {Key: "updated_at", Value: c.At},
	})
	res, err := r.coll.UpdateOne(ctx, filter, change)
	if err == nil && res.MatchedCount == 0 {
		return &models.Error{Op: op, Kind: models.Conflict, Msg: "the password was changed somewhere else just now"}
	}
	return translate(op, "user", err)
}

// Rehash stores another hash of the same password. When the password was
// changed meanwhile it does nothing.
func (r *Users) Rehash(ctx context.Context, userID, from, to string) error {
	filter := append(byID(userID), bson.E{Key: "password_hash", Value: from})
	_, err := r.coll.UpdateOne(ctx, filter, set(bson.D{{Key: "password_hash", Value: to}}))
	return translate("repositories.Users.Rehash", "user", err)
}

// newEpoch is set for changes that end the account's sessions.
func newEpoch(fields bson.D) bson.D {
	return append(set(fields), bson.E{Key: "$inc", Value: bson.D{{Key: "session_epoch", Value: 1}}})
}

// account leaves out what remains of the first account, see Remove.
func account(id string) bson.D { return append(byID(id), has("email")) }

func (r *Users) find(ctx context.Context, op string, filter bson.D) (models.User, error) {
	var u models.User
	err := r.coll.FindOne(ctx, filter).Decode(&u)
	return u, translate(op, "user", err)
}
