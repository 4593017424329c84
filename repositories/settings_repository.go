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

// invitesID is the id of the document with the invite settings.
const invitesID = "invites"

// Settings stores what administrators set. It is safe for concurrent use.
type Settings struct{ coll *mongo.Collection }

// NewSettings returns the settings of db.
func NewSettings(db *mongo.Database) *Settings { return &Settings{db.Collection(database.Settings)} }

// EnsureInvites returns the invite settings, and stores initial if there are none.
func (r *Settings) EnsureInvites(ctx context.Context, initial models.InviteSettings) (models.InviteSettings, error) {
	const op = "repositories.Settings.EnsureInvites"
	var s models.InviteSettings
	err := r.coll.FindOne(ctx, byID(invitesID)).Decode(&s)
	if !errors.Is(err, mongo.ErrNoDocuments) {
		return s, translate(op, "setting", err)
	}
	err = r.coll.FindOneAndUpdate(ctx, byID(invitesID), bson.D{{Key: "$setOnInsert", Value: initial}},
		options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Decode(&s)
	if mongo.IsDuplicateKeyError(err) { // another call has inserted them
		err = r.coll.FindOne(ctx, byID(invitesID)).Decode(&s)
	}
	return s, translate(op, "setting", err)
}

// SetRegenerate sets whether a sign-up replaces the code.
func (r *Settings) SetRegenerate(ctx context.Context, on bool) error {
	return r.set(ctx, "repositories.Settings.SetRegenerate", "regenerate_after_signup", on)
}

// SetInviteCode replaces the code and resets the counter of wrong codes.
func (r *Settings) SetInviteCode(ctx context.Context, code string) error {
	_, err := r.coll.UpdateOne(ctx, byID(invitesID), newCode(code))
	return translate("repositories.Settings.SetInviteCode", "setting", err)
}

// SwapInviteCode replaces the code if it is from. Of concurrent calls with the
// same from, one does.
func (r *Settings) SwapInviteCode(ctx context.Context, from, to string) (swapped bool, err error) {
	filter := append(byID(invitesID), bson.E{Key: "invite_code", Value: from})
	res, err := r.coll.UpdateOne(ctx, filter, newCode(to))
	if err != nil {
		return false, translate("repositories.Settings.SwapInviteCode", "setting", err)
	}
	return res.MatchedCount == 1, nil
}

func newCode(code string) bson.D {
	return append(set(bson.D{{Key: "invite_code", Value: code}, {Key: "failed_attempts", Value: 0}}),
		bson.E{Key: "$unset", Value: bson.D{{Key: "last_failed_at", Value: ""}}})
}

// TakeGuess postpones GuessesUntil by cost, beginning at at, unless it is later
// than until. Of concurrent calls, as many take a guess as consecutive ones would.
func (r *Settings) TakeGuess(ctx context.Context, at, until time.Time, cost time.Duration) (taken bool, err error) {
	var (
		now   = at.UnixMilli()
		when  = func(until bson.D) bson.D { return append(byID(invitesID), bson.E{Key: "guesses_until", Value: until}) }
		going = when(bson.D{{Key: "$gt", Value: now}, {Key: "$lte", Value: until.UnixMilli()}})
		idle  = when(bson.D{{Key: "$not", Value: bson.D{{Key: "$gt", Value: now}}}})
		add   = bson.D{{Key: "$inc", Value: bson.D{{Key: "guesses_until", Value: cost.Milliseconds()}}}}
		begin = set(bson.D{{Key: "guesses_until", Value: at.Add(cost).UnixMilli()}})
	)
	for _, try := range []struct{ filter, change bson.D }{
		{going, add},
		{idle, begin},
		{going, add}, // when another call has begun meanwhile
	} {
		res, err := r.coll.UpdateOne(ctx, try.filter, try.change)
		if err != nil || res.MatchedCount > 0 {
			return err == nil, translate("repositories.Settings.TakeGuess", "setting", err)
		}
	}
	return false, nil
}

// GiveBackGuess undoes TakeGuess.
func (r *Settings) GiveBackGuess(ctx context.Context, cost time.Duration) error {
	_, err := r.coll.UpdateOne(ctx, byID(invitesID), bson.D{{Key: "$inc", Value: bson.D{{Key: "guesses_until", Value: -cost.Milliseconds()}}}})
	return translate("repositories.Settings.GiveBackGuess", "setting", err)
}

// CountWrongCode counts a wrong code at a time, for administrators to see.
func (r *Settings) CountWrongCode(ctx context.Context, at time.Time) error {
	res, err := r.coll.UpdateOne(ctx, byID(invitesID), append(
		set(bson.D{{Key: "last_failed_at", Value: at}}), bson.E{Key: "$inc", Value: bson.D{{Key: "failed_attempts", Value: 1}}}))
	return matched("repositories.Settings.CountWrongCode", "setting", res, err)
}

func (r *Settings) set(ctx context.Context, op, field string, value any) error {
	_, err := r.coll.UpdateOne(ctx, byID(invitesID), set(bson.D{{Key: field, Value: value}}))
	return translate(op, "setting", err)
}

// ProbeWrite writes a small document, to learn whether writing works.
func (r *Settings) ProbeWrite(ctx context.Context, at time.Time) error {
	_, err := r.coll.UpdateOne(ctx, byID("write_probe"), set(bson.D{{Key: "at", Value: at}}), options.UpdateOne().SetUpsert(true))
	return translate("repositories.Settings.ProbeWrite", "setting", err)
}

// Claim reports whether the caller is the one to do a periodic task. Of all
// servers on a database one is, once in each interval.
func (r *Settings) Claim(ctx context.Context, task string, now time.Time, interval time.Duration) (bool, error) {
	const op = "repositories.Settings.Claim"
	id := byID("task:" + task)
	next := bson.E{Key: "next", Value: now.Add(interval)}
	res, err := r.coll.UpdateOne(ctx, append(id, bson.E{Key: "next", Value: bson.D{{Key: "$lte", Value: now}}}), set(bson.D{next}))
	if err != nil || res.MatchedCount > 0 {
		return err == nil, translate(op, "setting", err)
	}
	_, err = r.coll.InsertOne(ctx, append(byID("task:"+task), next))
	if mongo.IsDuplicateKeyError(err) {
		return false, nil
	}
	return err == nil, translate(op, "setting", err)
}
