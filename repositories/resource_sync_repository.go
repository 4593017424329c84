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

// ResourceSyncs stores when the inventories of clusters were complete. It is safe for
// concurrent use.
type ResourceSyncs struct{ coll *mongo.Collection }

// NewResourceSyncs returns the times of db.
func NewResourceSyncs(db *mongo.Database) *ResourceSyncs {
	return &ResourceSyncs{db.Collection(database.ResourceSyncs)}
}

// Begin notes that there is an inventory of a cluster.
func (r *ResourceSyncs) Begin(ctx context.Context, clusterID string) error {
	_, err := r.coll.UpdateOne(ctx, byID(clusterID), bson.D{{Key: "$setOnInsert", Value: bson.D{{Key: "at", Value: time.Time{}}}}},
		options.UpdateOne().SetUpsert(true))
	return translate("repositories.ResourceSyncs.Begin", "synchronisation", err)
}

// Set stores s.
func (r *ResourceSyncs) Set(ctx context.Context, s models.ResourceSync) error {
	_, err := r.coll.ReplaceOne(ctx, byID(s.ClusterID), s, options.Replace().SetUpsert(true))
	return translate("repositories.ResourceSyncs.Set", "synchronisation", err)
}

// ByCluster returns what is stored of a cluster.
func (r *ResourceSyncs) ByCluster(ctx context.Context, clusterID string) (s models.ResourceSync, err error) {
	err = r.coll.FindOne(ctx, byID(clusterID)).Decode(&s)
	return s, translate("repositories.ResourceSyncs.ByCluster", "synchronisation", err)
}

// Clusters returns the ids of all clusters that have, or had, an inventory.
func (r *ResourceSyncs) Clusters(ctx context.Context) ([]string, error) {
	list, err := findAll[models.ResourceSync](ctx, r.coll, "repositories.ResourceSyncs.Clusters", "synchronisations", bson.D{},
		options.Find().SetProjection(fields("_id")))
	ids := make([]string, len(list))
	for i, s := range list {
		ids[i] = s.ClusterID
	}
	return ids, err
}

// Delete removes what is stored of a cluster.
func (r *ResourceSyncs) Delete(ctx context.Context, clusterID string) error {
	_, err := r.coll.DeleteOne(ctx, byID(clusterID))
	return translate("repositories.ResourceSyncs.Delete", "synchronisation", err)
}
