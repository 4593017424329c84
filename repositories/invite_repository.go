package repositories

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// Invites stores invites for one person each. It is safe for concurrent use.
type Invites struct{ coll *mongo.Collection }

// NewInvites returns the invites of db.
func NewInvites(db *mongo.Database) *Invites { return &Invites{db.Collection(database.Invites)} }

// Insert stores an invite.
func (r *Invites) Insert(ctx context.Context, i models.Invite) error {
	_, err := r.coll.InsertOne(ctx, i)
	return translate("repositories.Invites.Insert", "invite", err)
}

// List returns one page of the invites, the newest first, and how many there
// are in all. Pages count from 1.
func (r *Invites) List(ctx context.Context, page, limit int) ([]models.Invite, int64, error) {
	const op = "repositories.Invites.List"
	total, err := r.coll.CountDocuments(ctx, bson.D{})
	if err != nil {
		return nil, 0, translate(op, "invite", err)
	}
	list, err := findAll[models.Invite](ctx, r.coll, op, "invite", bson.D{},
		pageOf(page, limit).SetSort(bson.D{{Key: "created_at", Value: -1}, {Key: "_id", Value: -1}}))
	return list, total, err
}

// ByCode returns the invite whose code has the hash, or NotFound.
func (r *Invites) ByCode(ctx context.Context, hash string) (models.Invite, error) {
	var i models.Invite
	err := r.coll.FindOne(ctx, bson.D{{Key: "code_hash", Value: hash}}).Decode(&i)
	return i, translate("repositories.Invites.ByCode", "invite", err)
}

// Use marks an invite as used by an account. A used, revoked or expired invite is
// NotFound. Of concurrent calls, one uses it.
func (r *Invites) Use(ctx context.Context, id, userID string, now time.Time) error {
	filter := append(usable(id), bson.E{Key: "expires_at", Value: bson.D{{Key: "$gt", Value: now}}})
	res, err := r.coll.UpdateOne(ctx, filter, set(bson.D{{Key: "used_at", Value: now}, {Key: "used_by", Value: userID}}))
	return matched("repositories.Invites.Use", "invite", res, err)
}

// GiveBack undoes Use by the same account.
func (r *Invites) GiveBack(ctx context.Context, id, userID string) error {
	filter := append(byID(id), bson.E{Key: "used_by", Value: userID})
	use := bson.D{{Key: "used_at", Value: ""}, {Key: "used_by", Value: ""}}
	_, err := r.coll.UpdateOne(ctx, filter, bson.D{{Key: "$unset", Value: use}})
	return translate("repositories.Invites.GiveBack", "invite", err)
}

// Revoke revokes an invite and returns it. A revoked invite stays unchanged; a used
// one is a Conflict.
func (r *Invites) Revoke(ctx context.Context, id string, now time.Time) (models.Invite, error) {
	const op = "repositories.Invites.Revoke"
	if _, err := r.coll.UpdateOne(ctx, usable(id), set(bson.D{{Key: "revoked_at", Value: now}})); err != nil {
		return models.Invite{}, translate(op, "invite", err)
	}
	var i models.Invite
	err := r.coll.FindOne(ctx, byID(id)).Decode(&i)
	if err == nil && i.UsedAt != nil {
		return i, &models.Error{Op: op, Kind: models.Conflict, Msg: "this invite has been used"}
	}
	return i, translate(op, "invite", err)
}

// usable matches the invite unless it is used or revoked.
func usable(id string) bson.D {
	absent := bson.D{{Key: "$exists", Value: false}}
	return append(byID(id), bson.E{Key: "used_at", Value: absent}, bson.E{Key: "revoked_at", Value: absent})
}
