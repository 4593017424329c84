package repositories

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// invitesID is the one document of the invite settings.
const invitesID = "invites"

// Settings stores what administrators set. It is safe for concurrent use.
type Settings struct{ coll *mongo.Collection }

// NewSettings returns the settings of db.
func NewSettings(db *mongo.Database) *Settings { return &Settings{db.Collection(database.Settings)} }

// EnsureInvites returns the invite settings, and stores initial first where
// there are none.
func (r *Settings) EnsureInvites(ctx context.Context, initial models.InviteSettings) (models.InviteSettings, error) {
	const op = "repositories.Settings.EnsureInvites"
	var s models.InviteSettings
	err := r.coll.FindOne(ctx, byID(invitesID)).Decode(&s)
	if !errors.Is(err, mongo.ErrNoDocuments) {
		return s, translate(op, "setting", err)
	}
	err = r.coll.FindOneAndUpdate(ctx, byID(invitesID), bson.D{{Key: "$setOnInsert", Value: initial}},
		options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Decode(&s)
	if mongo.IsDuplicateKeyError(err) { // two made it at once
		err = r.coll.FindOne(ctx, byID(invitesID)).Decode(&s)
	}
	return s, translate(op, "setting", err)
}

// SetRegenerate changes whether codes are used up.
func (r *Settings) SetRegenerate(ctx context.Context, on bool) error {
	return r.set(ctx, "repositories.Settings.SetRegenerate", "regenerate_after_signup", on)
}

// SetInviteCode replaces the code whatever it is.
func (r *Settings) SetInviteCode(ctx context.Context, code string) error {
	return r.set(ctx, "repositories.Settings.SetInviteCode", "invite_code", code)
}

// SwapInviteCode replaces the code if it is from. Of several calls with the
// same from, one swaps.
func (r *Settings) SwapInviteCode(ctx context.Context, from, to string) (swapped bool, err error) {
	filter := bson.D{{Key: "_id", Value: invitesID}, {Key: "invite_code", Value: from}}
	res, err := r.coll.UpdateOne(ctx, filter, set(bson.D{{Key: "invite_code", Value: to}}))
	if err != nil {
		return false, translate("repositories.Settings.SwapInviteCode", "setting", err)
	}
	return res.MatchedCount == 1, nil
}

func (r *Settings) set(ctx context.Context, op, field string, value any) error {
	_, err := r.coll.UpdateOne(ctx, byID(invitesID), set(bson.D{{Key: field, Value: value}}))
	return translate(op, "setting", err)
}
