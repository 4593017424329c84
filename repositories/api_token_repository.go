package repositories

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// APITokens stores API tokens. A TTL index deletes expired ones. It is safe for
// concurrent use.
type APITokens struct{ coll *mongo.Collection }

// NewAPITokens returns the API tokens of db.
func NewAPITokens(db *mongo.Database) *APITokens {
	return &APITokens{db.Collection(database.APITokens)}
}

// Insert stores t. It is a Conflict when the account has most tokens already, or
// one with that name. Concurrent calls cannot exceed most.
func (r *APITokens) Insert(ctx context.Context, t models.APIToken, most int) error {
	const op = "repositories.APITokens.Insert"
	_, err := r.coll.InsertOne(ctx, t)
	if mongo.IsDuplicateKeyError(err) {
		return &models.Error{Op: op, Kind: models.Conflict, Msg: "there is an API token with this name already", Err: err}
	}
	if err != nil {
		return translate(op, "API token", err)
	}
	n, err := r.coll.CountDocuments(ctx, ofUser(t.UserID), options.Count().SetLimit(int64(most)+1))
	if err != nil || n > int64(most) {
		// Counted after the insert, so that concurrent calls count each other's tokens.
		_, undo := r.coll.DeleteOne(ctx, byID(t.ID))
		if err == nil {
			err = undo
		}
		if err == nil {
			return &models.Error{Op: op, Kind: models.Conflict, Msg: "there are too many API tokens; revoke one first"}
		}
	}
	return translate(op, "API token", err)
}

// Count counts the tokens of an account.
func (r *APITokens) Count(ctx context.Context, userID string) (int64, error) {
	n, err := r.coll.CountDocuments(ctx, ofUser(userID))
	return n, translate("repositories.APITokens.Count", "API tokens", err)
}

// ByHash returns the token with a hash. It may have expired.
func (r *APITokens) ByHash(ctx context.Context, hash string) (models.APIToken, error) {
	var t models.APIToken
	err := r.coll.FindOne(ctx, bson.D{{Key: "hash", Value: hash}}).Decode(&t)
	return t, translate("repositories.APITokens.ByHash", "API token", err)
}

// Unexpired returns which of the tokens with these ids have not expired.
func (r *APITokens) Unexpired(ctx context.Context, ids []string, now time.Time) (map[string]bool, error) {
	const op = "repositories.APITokens.Unexpired"
	filter := append(byIDs(ids), bson.E{Key: "expires_at", Value: bson.D{{Key: "$gt", Value: now}}})
	list, err := findAll[models.APIToken](ctx, r.coll, op, "API tokens", filter, options.Find().SetProjection(fields("_id")))
	if err != nil {
		return nil, err
	}
	good := make(map[string]bool, len(list))
	for _, t := range list {
		good[t.ID] = true
	}
	return good, nil
}

// List returns the tokens of an account, the newest first.
func (r *APITokens) List(ctx context.Context, userID string) ([]models.APIToken, error) {
	return findAll[models.APIToken](ctx, r.coll, "repositories.APITokens.List", "API tokens", ofUser(userID), options.Find().
		SetSort(bson.D{{Key: "created_at", Value: -1}}).SetProjection(bson.D{{Key: "hash", Value: 0}}))
}

// Delete removes one of an account's tokens and returns it, or NotFound.
func (r *APITokens) Delete(ctx context.Context, userID, id string) (models.APIToken, error) {
	var t models.APIToken
	err := r.coll.FindOneAndDelete(ctx, append(ofUser(userID), bson.E{Key: "_id", Value: id})).Decode(&t)
	return t, translate("repositories.APITokens.Delete", "API token", err)
}

// DeleteAll removes the tokens of an account.
func (r *APITokens) DeleteAll(ctx context.Context, userID string) error {
	_, err := r.coll.DeleteMany(ctx, ofUser(userID))
	return translate("repositories.APITokens.DeleteAll", "API tokens", err)
}

// Touch stores when a token was used last.
func (r *APITokens) Touch(ctx context.Context, id string, at time.Time) error {
	_, err := r.coll.UpdateOne(ctx, byID(id), bson.D{{Key: "$max", Value: bson.D{{Key: "last_used_at", Value: at}}}})
	return translate("repositories.APITokens.Touch", "API token", err)
}

func ofUser(id string) bson.D { return bson.D{{Key: "user_id", Value: id}} }
