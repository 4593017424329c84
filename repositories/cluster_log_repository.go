package repositories

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// ClusterLogs stores the logs of clusters. A TTL index deletes old entries. It is
// safe for concurrent use.
type ClusterLogs struct{ coll *mongo.Collection }

// NewClusterLogs returns the logs of db.
func NewClusterLogs(db *mongo.Database) *ClusterLogs {
	return &ClusterLogs{db.Collection(database.ClusterLogs)}
}

// Add stores a new entry.
func (r *ClusterLogs) Add(ctx context.Context, e models.ClusterLogEntry) error {
	_, err := r.coll.InsertOne(ctx, e)
	return translate("repositories.ClusterLogs.Add", "entry", err)
}

// List returns up to limit entries of a cluster, the newest first.
func (r *ClusterLogs) List(ctx context.Context, clusterID string, limit int) ([]models.ClusterLogEntry, error) {
	newest := options.Find().SetSort(bson.D{{Key: "timestamp", Value: -1}, {Key: "_id", Value: -1}}).SetLimit(int64(limit))
	return findAll[models.ClusterLogEntry](ctx, r.coll, "repositories.ClusterLogs.List", "entries",
		bson.D{{Key: "cluster_id", Value: clusterID}}, newest)
}

// DeleteByCluster removes the log of a cluster.
func (r *ClusterLogs) DeleteByCluster(ctx context.Context, clusterID string) error {
	_, err := r.coll.DeleteMany(ctx, bson.D{{Key: "cluster_id", Value: clusterID}})
	return translate("repositories.ClusterLogs.DeleteByCluster", "entries", err)
}
