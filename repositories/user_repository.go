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

// userDocument is a user as it is stored. Only the first account has AdminSlot, of
// which a unique index allows one.
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

// InsertFirst stores u as the first account. If there is one already, it stores
// nothing and first is false. Of concurrent calls, one is first.
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

// ByIDs returns the accounts with these ids, in any order. Unknown ids are left out.
func (r *Users) ByIDs(ctx context.Context, ids []string) ([]models.User, error) {
	return findAll[models.User](ctx, r.coll, "repositories.Users.ByIDs", "user", append(byIDs(ids), has("email")))
}

// People returns the names and addresses of accounts by their ids. Unknown ids are
// left out.
func (r *Users) People(ctx context.Context, ids []string) (map[string]models.Person, error) {
	const op = "repositories.Users.People"
	people := make(map[string]models.Person, len(ids))
	if len(ids) == 0 {
		return people, nil
	}
	users, err := findAll[models.User](ctx, r.coll, op, "user", byIDs(ids), options.Find().SetProjection(fields("name", "email")))
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		people[u.ID] = models.Person{ID: u.ID, Name: u.Name, Email: u.Email}
	}
	return people, nil
}

// SetName changes the name and returns the account.
func (r *Users) SetName(ctx context.Context, id, name string, at time.Time) (models.User, error) {
	const op = "repositories.Users.SetName"
	change := set(bson.D{{Key: "name", Value: name}, {Key: "updated_at", Value: at}})
	var u models.User
	err := r.coll.FindOneAndUpdate(ctx, byID(id), change, options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&u)
	return u, translate(op, "user", err)
}

// SetPasswordHash replaces the hash c.From and ends the account's sessions, except
// c.KeepSession, in the same step. It is a Conflict when another hash is stored.
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

// Rehash replaces the hash from by another one of the same password. It does
// nothing when another hash is stored.
func (r *Users) Rehash(ctx context.Context, userID, from, to string) error {
	filter := append(byID(userID), bson.E{Key: "password_hash", Value: from})
	_, err := r.coll.UpdateOne(ctx, filter, set(bson.D{{Key: "password_hash", Value: to}}))
	return translate("repositories.Users.Rehash", "user", err)
}

// maxNetworks is how many networks of an account are stored, the newest ones.
const maxNetworks = 16

// AddNetwork adds a network to those that an account has logged in from, unless it
// is among them.
func (r *Users) AddNetwork(ctx context.Context, userID, network string) error {
	filter := append(byID(userID), bson.E{Key: "networks", Value: bson.D{{Key: "$ne", Value: network}}})
	last := bson.D{{Key: "$each", Value: bson.A{network}}, {Key: "$slice", Value: -maxNetworks}}
	_, err := r.coll.UpdateOne(ctx, filter, bson.D{{Key: "$push", Value: bson.D{{Key: "networks", Value: last}}}})
	return translate("repositories.Users.AddNetwork", "user", err)
}

// newEpoch is set, and ends the account's sessions.
func newEpoch(fields bson.D) bson.D {
	return append(set(fields), bson.E{Key: "$inc", Value: bson.D{{Key: "session_epoch", Value: 1}}})
}

// account matches an account, but not the rest of a removed one, see Remove.
func account(id string) bson.D { return append(byID(id), has("email")) }

func (r *Users) find(ctx context.Context, op string, filter bson.D) (models.User, error) {
	var u models.User
	err := r.coll.FindOne(ctx, filter).Decode(&u)
	return u, translate(op, "user", err)
}
