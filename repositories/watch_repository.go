package repositories

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// Watches stores which workflows servers want to be watched, so that they go on
// being watched when another server gets their cluster. Wishes expire. It is safe
// for concurrent use.
type Watches struct{ coll *mongo.Collection }

// NewWatches returns the wishes of db.
func NewWatches(db *mongo.Database) *Watches { return &Watches{db.Collection(database.Watches)} }

// Want stores a wish. A wish for the same workflow that lasts longer keeps its
// time.
func (r *Watches) Want(ctx context.Context, w models.WatchWish) error {
	_, err := r.coll.UpdateOne(ctx, byID(w.WorkflowID), bson.D{
		{Key: "$set", Value: bson.D{{Key: "cluster", Value: w.ClusterID}}},
		{Key: "$max", Value: bson.D{{Key: "until", Value: w.Until}}},
	}, options.UpdateOne().SetUpsert(true))
	return translate("repositories.Watches.Want", "wish", err)
}

// WantedIn returns the ids of the workflows of a cluster that are wanted.
func (r *Watches) WantedIn(ctx context.Context, clusterID string) ([]string, error) {
	docs, err := findAll[models.WatchWish](ctx, r.coll, "repositories.Watches.WantedIn", "wishes",
		bson.D{{Key: "cluster", Value: clusterID}}, options.Find().SetBatchSize(1000))
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.WorkflowID
	}
	return ids, err
}
