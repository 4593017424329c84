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

// Sessions stores sessions. A TTL index deletes expired ones. It is safe for
// concurrent use.
type Sessions struct{ coll *mongo.Collection }

// NewSessions returns the sessions of db.
func NewSessions(db *mongo.Database) *Sessions { return &Sessions{db.Collection(database.Sessions)} }

// Insert stores a new session.
func (r *Sessions) Insert(ctx context.Context, s models.StoredSession) error {
	_, err := r.coll.InsertOne(ctx, s)
	return translate("repositories.Sessions.Insert", "session", err)
}

// ByID returns a session, or NotFound.
func (r *Sessions) ByID(ctx context.Context, id string) (models.StoredSession, error) {
	var s models.StoredSession
	err := r.coll.FindOne(ctx, byID(id)).Decode(&s)
	return s, translate("repositories.Sessions.ByID", "session", err)
}

// ByIDs returns the sessions with these ids, in any order. Unknown ids are left out.
func (r *Sessions) ByIDs(ctx context.Context, ids []string) ([]models.StoredSession, error) {
	return r.list(ctx, "repositories.Sessions.ByIDs", byIDs(ids), options.Find())
}

// ByUser returns a user's sessions that have not expired, the newest first.
func (r *Sessions) ByUser(ctx context.Context, userID string, now time.Time) ([]models.StoredSession, error) {
	filter := bson.D{{Key: "user_id", Value: userID}, {Key: "expires_at", Value: bson.D{{Key: "$gt", Value: now}}}}
	return r.list(ctx, "repositories.Sessions.ByUser", filter, options.Find().SetSort(newestSession()))
}

func (r *Sessions) list(ctx context.Context, op string, filter bson.D, o *options.FindOptionsBuilder) ([]models.StoredSession, error) {
	return findAll[models.StoredSession](ctx, r.coll, op, "session", filter, o)
}

// Touch stores when a session was used last, unless a time after since is stored.
func (r *Sessions) Touch(ctx context.Context, id string, at, since time.Time) error {
	filter := append(byID(id), bson.E{Key: "last_used_at", Value: bson.D{{Key: "$lte", Value: since}}})
	_, err := r.coll.UpdateOne(ctx, filter, set(bson.D{{Key: "last_used_at", Value: at}}))
	return translate("repositories.Sessions.Touch", "session", err)
}

// Extend postpones the expiry of a session to until. A deleted one is NotFound.
func (r *Sessions) Extend(ctx context.Context, id string, until time.Time) error {
	res, err := r.coll.UpdateOne(ctx, byID(id), bson.D{{Key: "$max", Value: bson.D{{Key: "expires_at", Value: until}}}})
	return matched("repositories.Sessions.Extend", "session", res, err)
}

// Delete removes one of the user's sessions. Somebody else's is NotFound.
func (r *Sessions) Delete(ctx context.Context, userID, id string) error {
	const op = "repositories.Sessions.Delete"
	res, err := r.coll.DeleteOne(ctx, append(byID(id), bson.E{Key: "user_id", Value: userID}))
	if err == nil && res.DeletedCount == 0 {
		err = mongo.ErrNoDocuments
	}
	return translate(op, "session", err)
}

// DeleteAll removes the user's sessions except the one with the id keep.
func (r *Sessions) DeleteAll(ctx context.Context, userID, keep string) error {
	filter := bson.D{{Key: "user_id", Value: userID}, {Key: "_id", Value: bson.D{{Key: "$ne", Value: keep}}}}
	_, err := r.coll.DeleteMany(ctx, filter)
	return translate("repositories.Sessions.DeleteAll", "session", err)
}

// Trim removes all of the user's sessions except the newest most, and returns the
// ids of the removed ones.
func (r *Sessions) Trim(ctx context.Context, userID string, most int) ([]string, error) {
	const op = "repositories.Sessions.Trim"
	surplus, err := r.list(ctx, op, bson.D{{Key: "user_id", Value: userID}},
		options.Find().SetSort(newestSession()).SetSkip(int64(most)).SetProjection(fields("_id")))
	if err != nil || len(surplus) == 0 {
		return nil, err
	}
	ids := make([]string, len(surplus))
	for i, s := range surplus {
		ids[i] = s.ID
	}
	_, err = r.coll.DeleteMany(ctx, byIDs(ids))
	return ids, translate(op, "session", err)
}

func newestSession() bson.D { return bson.D{{Key: "created_at", Value: -1}} }
