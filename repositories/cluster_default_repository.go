package repositories

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
)

// ClusterDefaults stores which cluster is whose default. It is one document for
// each user, so nobody can have two, whatever happens at once. It is safe for
// concurrent use.
type ClusterDefaults struct{ coll *mongo.Collection }

// NewClusterDefaults returns the defaults of db.
func NewClusterDefaults(db *mongo.Database) *ClusterDefaults {
	return &ClusterDefaults{db.Collection(database.ClusterDefaults)}
}

// Of returns the id of the user's default cluster, or "". It says nothing about
// whether the cluster is there, or theirs to use.
func (r *ClusterDefaults) Of(ctx context.Context, userID string) (clusterID string, err error) {
	var doc struct {
		ClusterID string `bson:"cluster_id"`
	}
	err = r.coll.FindOne(ctx, byID(userID)).Decode(&doc)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return "", nil
	}
	return doc.ClusterID, translate("repositories.ClusterDefaults.Of", "default cluster", err)
}

// Set makes a cluster the user's default.
func (r *ClusterDefaults) Set(ctx context.Context, userID, clusterID string) error {
	return r.put(ctx, "repositories.ClusterDefaults.Set", userID, set(bson.D{{Key: "cluster_id", Value: clusterID}}))
}

// SetIfNone makes a cluster the user's default unless they have one. It returns
// the id of the default that they have then.
func (r *ClusterDefaults) SetIfNone(ctx context.Context, userID, clusterID string) (string, error) {
	onInsert := bson.D{{Key: "$setOnInsert", Value: bson.D{{Key: "cluster_id", Value: clusterID}}}}
	if err := r.put(ctx, "repositories.ClusterDefaults.SetIfNone", userID, onInsert); err != nil {
		return "", err
	}
	return r.Of(ctx, userID)
}

func (r *ClusterDefaults) put(ctx context.Context, op, userID string, change bson.D) error {
	for {
		_, err := r.coll.UpdateOne(ctx, byID(userID), change, options.UpdateOne().SetUpsert(true))
		if mongo.IsDuplicateKeyError(err) { // made by another call just now
			continue
		}
		return translate(op, "default cluster", err)
	}
}

// Clear takes the default away from a user if it is that cluster.
func (r *ClusterDefaults) Clear(ctx context.Context, userID, clusterID string) error {
	_, err := r.coll.DeleteOne(ctx, bson.D{{Key: "_id", Value: userID}, {Key: "cluster_id", Value: clusterID}})
	return translate("repositories.ClusterDefaults.Clear", "default cluster", err)
}

// DeleteByCluster takes the default away from everybody who has that cluster.
func (r *ClusterDefaults) DeleteByCluster(ctx context.Context, clusterID string) error {
	_, err := r.coll.DeleteMany(ctx, bson.D{{Key: "cluster_id", Value: clusterID}})
	return translate("repositories.ClusterDefaults.DeleteByCluster", "default cluster", err)
}

// DeleteByUser forgets a user.
func (r *ClusterDefaults) DeleteByUser(ctx context.Context, userID string) error {
	_, err := r.coll.DeleteOne(ctx, byID(userID))
	return translate("repositories.ClusterDefaults.DeleteByUser", "default cluster", err)
}
