package repositories

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/models"
)

// ByProvider returns the account that is linked to a provider's subject, or
// NotFound.
func (r *Users) ByProvider(ctx context.Context, provider, subject string) (models.User, error) {
	return r.find(ctx, "repositories.Users.ByProvider",
		bson.D{{Key: "auth_provider", Value: provider}, {Key: "provider_subject", Value: subject}})
}

// DropPassword removes the password of an account without a provider and ends its
// sessions. It is a Conflict when the account has a provider.
func (r *Users) DropPassword(ctx context.Context, id string, at time.Time) error {
	const op = "repositories.Users.DropPassword"
	change := newEpoch(bson.D{{Key: "updated_at", Value: at}})
	change = append(change, bson.E{Key: "$unset", Value: bson.D{{Key: "password_hash", Value: ""}, {Key: "kept_session", Value: ""}}})
	res, err := r.coll.UpdateOne(ctx, unlinked(id), change)
	if err == nil && res.MatchedCount == 0 {
		return alreadyLinked(op)
	}
	return translate(op, "user", err)
}

// LinkProvider links an account without a provider to a provider's subject, and
// returns it. It is a Conflict when the account has a provider, or the subject an
// account.
func (r *Users) LinkProvider(ctx context.Context, id, provider, subject string, at time.Time) (models.User, error) {
	const op = "repositories.Users.LinkProvider"
	change := set(bson.D{
		{Key: "auth_provider", Value: provider}, {Key: "provider_subject", Value: subject}, {Key: "updated_at", Value: at},
	})
	var u models.User
	err := translate(op, "user", r.coll.FindOneAndUpdate(ctx, unlinked(id), change,
		options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&u))
	if models.KindOf(err) == models.NotFound {
		return models.User{}, alreadyLinked(op)
	}
	return u, err
}

func unlinked(id string) bson.D {
	return append(byID(id), bson.E{Key: "auth_provider", Value: bson.D{{Key: "$exists", Value: false}}})
}

func alreadyLinked(op string) error {
	return &models.Error{Op: op, Kind: models.Conflict, Msg: "the account has got a provider just now"}
}
