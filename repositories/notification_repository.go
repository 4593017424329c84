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

// Notifications stores notifications. A TTL index deletes them when they expire. It
// is safe for concurrent use.
type Notifications struct{ coll *mongo.Collection }

// NewNotifications returns the notifications of db.
func NewNotifications(db *mongo.Database) *Notifications {
	return &Notifications{db.Collection(database.Notifications)}
}

// Add stores n. Where its user has the same news unread, that one gets the texts and
// times of n. It returns what is stored, with the id of n if it was not there before.
// It may be called again after an error. An id that is stored already is a Conflict.
func (r *Notifications) Add(ctx context.Context, n models.Notification) (models.Notification, error) {
	const op = "repositories.Notifications.Add"
	same := bson.D{
		{Key: "user_id", Value: n.UserID}, {Key: "type", Value: n.Type}, {Key: "ref_id", Value: n.RefID},
		{Key: "what", Value: n.What}, {Key: "read", Value: false},
	}
	change := append(set(bson.D{
		{Key: "title", Value: n.Title}, {Key: "message", Value: n.Message}, {Key: "link", Value: n.Link},
		{Key: "created_at", Value: n.CreatedAt}, {Key: "updated_at", Value: n.UpdatedAt}, {Key: "expires_at", Value: n.ExpiresAt},
	}), bson.E{Key: "$setOnInsert", Value: byID(n.ID)})
	o := options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)
	for {
		var stored models.Notification
		err := r.coll.FindOneAndUpdate(ctx, same, change, o).Decode(&stored)
		if mongo.IsDuplicateKeyError(err) {
			// Another call has inserted the same news, unless the id is taken.
			if found := r.coll.FindOne(ctx, byID(n.ID)).Err(); errors.Is(found, mongo.ErrNoDocuments) {
				continue
			}
		}
		return stored, translate(op, "notification", err)
	}
}

// List returns up to limit notifications of a user behind the first offset ones, the
// newest first.
func (r *Notifications) List(ctx context.Context, userID string, limit, offset int) ([]models.Notification, error) {
	return r.list(ctx, "repositories.Notifications.List", userID, options.Find().SetSkip(int64(offset)).SetLimit(int64(limit)))
}

func (r *Notifications) list(ctx context.Context, op, userID string, o *options.FindOptionsBuilder) ([]models.Notification, error) {
	newest := bson.D{{Key: "created_at", Value: -1}, {Key: "_id", Value: -1}}
	return findAll[models.Notification](ctx, r.coll, op, "notifications", bson.D{{Key: "user_id", Value: userID}}, o.SetSort(newest))
}

// Total counts a user's notifications.
func (r *Notifications) Total(ctx context.Context, userID string) (int64, error) {
	n, err := r.coll.CountDocuments(ctx, bson.D{{Key: "user_id", Value: userID}})
	return n, translate("repositories.Notifications.Total", "notifications", err)
}

// Unread counts the notifications that a user has not read.
func (r *Notifications) Unread(ctx context.Context, userID string) (int64, error) {
	n, err := r.coll.CountDocuments(ctx, unreadOf(userID))
	return n, translate("repositories.Notifications.Unread", "notifications", err)
}

func unreadOf(userID string) bson.D {
	return bson.D{{Key: "user_id", Value: userID}, {Key: "read", Value: false}}
}

// MarkRead marks one of the user's notifications as read, which then expires at
// expires if not before. One that is read already stays as it is; somebody else's is
// NotFound.
func (r *Notifications) MarkRead(ctx context.Context, userID, id string, at, expires time.Time) error {
	const op = "repositories.Notifications.MarkRead"
	res, err := r.coll.UpdateOne(ctx, append(unreadOf(userID), byID(id)...), readAt(at, expires))
	if err != nil || res.MatchedCount > 0 {
		return translate(op, "notification", err)
	}
	own := append(byID(id), bson.E{Key: "user_id", Value: userID})
	return translate(op, "notification", r.coll.FindOne(ctx, own).Err())
}

// MarkAllRead does so with all of the user's notifications and returns how many had
// not been read.
func (r *Notifications) MarkAllRead(ctx context.Context, userID string, at, expires time.Time) (int64, error) {
	res, err := r.coll.UpdateMany(ctx, unreadOf(userID), readAt(at, expires))
	if err != nil {
		return 0, translate("repositories.Notifications.MarkAllRead", "notifications", err)
	}
	return res.ModifiedCount, nil
}

func readAt(at, expires time.Time) bson.D {
	return append(set(bson.D{{Key: "read", Value: true}, {Key: "updated_at", Value: at}}),
		bson.E{Key: "$min", Value: bson.D{{Key: "expires_at", Value: expires}}})
}

// Trim removes all of the user's notifications except the newest most.
func (r *Notifications) Trim(ctx context.Context, userID string, most int) error {
	const op = "repositories.Notifications.Trim"
	surplus, err := r.list(ctx, op, userID, options.Find().SetSkip(int64(most)).SetProjection(fields("_id")))
	if err != nil || len(surplus) == 0 {
		return err
	}
	ids := make([]string, len(surplus))
	for i, n := range surplus {
		ids[i] = n.ID
	}
	_, err = r.coll.DeleteMany(ctx, byIDs(ids))
	return translate(op, "notifications", err)
}

// DeleteByUser removes all of the user's notifications.
func (r *Notifications) DeleteByUser(ctx context.Context, userID string) error {
	_, err := r.coll.DeleteMany(ctx, bson.D{{Key: "user_id", Value: userID}})
	return translate("repositories.Notifications.DeleteByUser", "notifications", err)
}
