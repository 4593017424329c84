package repositories

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
)

// ClusterDefaults stores the default clusters of users, one document for each
// user. It is safe for concurrent use.
type ClusterDefaults struct{ coll *mongo.Collection }

// NewClusterDefaults returns the defaults of db.
func NewClusterDefaults(db *mongo.Database) *ClusterDefaults {
	return &ClusterDefaults{db.Collection(database.ClusterDefaults)}
}

// ByUser returns the id of the user's default cluster, or "". The cluster may
// have been deleted, or the user may have lost access to it.
func (r *ClusterDefaults) ByUser(ctx context.Context, userID string) (clusterID string, err error) {
	var doc struct {
		ClusterID string `bson:"cluster_id"`
	}
	err = r.coll.FindOne(ctx, byID(userID)).Decode(&doc)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return "", nil
	}
	return doc.ClusterID, translate("repositories.ClusterDefaults.ByUser", "default cluster", err)
}

// Set makes a cluster the user's default.
func (r *ClusterDefaults) Set(ctx context.Context, userID, clusterID string) error {
	return r.put(ctx, "repositories.ClusterDefaults.Set", userID, set(bson.D{{Key: "cluster_id", Value: clusterID}}))
}

// SetIfNone makes a cluster the user's default if they have none, and returns the
// id of the user's default.
func (r *ClusterDefaults) SetIfNone(ctx context.Context, userID, clusterID string) (string, error) {
	onInsert := bson.D{{Key: "$setOnInsert", Value: bson.D{{Key: "cluster_id", Value: clusterID}}}}
	if err := r.put(ctx, "repositories.ClusterDefaults.SetIfNone", userID, onInsert); err != nil {
		return "", err
	}
	return r.ByUser(ctx, userID)
}

func (r *ClusterDefaults) put(ctx context.Context, op, userID string, change bson.D) error {
	for {
		_, err := r.coll.UpdateOne(ctx, byID(userID), change, options.UpdateOne().SetUpsert(true))
		if mongo.IsDuplicateKeyError(err) { // another call has inserted it
			continue
		}
		return translate(op, "default cluster", err)
	}
}

// Clear removes the user's default if it is that cluster.
func (r *ClusterDefaults) Clear(ctx context.Context, userID, clusterID string) error {
	_, err := r.coll.DeleteOne(ctx, bson.D{{Key: "_id", Value: userID}, {Key: "cluster_id", Value: clusterID}})
	return translate("repositories.ClusterDefaults.Clear", "default cluster", err)
}

// Users returns the ids of the users who have that cluster as their default.
func (r *ClusterDefaults) Users(ctx context.Context, clusterID string) ([]string, error) {
	const op = "repositories.ClusterDefaults.Users"
	docs, err := findAll[struct {
		UserID string `bson:"_id"`
	}](ctx, r.coll, op, "default cluster", bson.D{{Key: "cluster_id", Value: clusterID}}, options.Find())
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.UserID
	}
	return ids, err
}

// DeleteByUser removes the user's default.
func (r *ClusterDefaults) DeleteByUser(ctx context.Context, userID string) error {
	_, err := r.coll.DeleteOne(ctx, byID(userID))
	return translate("repositories.ClusterDefaults.DeleteByUser", "default cluster", err)
}
