package repositories

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/models"
)

// Owned counts the workflows of a user that are not deleted, and lists the
// first of them by name.
func (r *Workflows) Owned(ctx context.Context, owner string, limit int) (models.OwnedItems, error) {
	return ownedItems(ctx, r.coll, "repositories.Workflows.Owned", bson.D{{Key: "owner_id", Value: owner}, notDeleted()}, limit)
}

// Owned counts the clusters of a user and lists the first of them by name.
func (r *Clusters) Owned(ctx context.Context, owner string, limit int) (models.OwnedItems, error) {
	return ownedItems(ctx, r.coll, "repositories.Clusters.Owned", bson.D{{Key: "owner_id", Value: owner}}, limit)
}

func ownedItems(ctx context.Context, coll *mongo.Collection, op string, filter bson.D, limit int) (models.OwnedItems, error) {
	count, err := coll.CountDocuments(ctx, filter)
	if err != nil {
		return models.OwnedItems{}, translate(op, "owned", err)
	}
	items, err := found[models.OwnedItem](ctx, coll, op, "owned", filter, options.Find().
		SetSort(bson.D{{Key: "name", Value: 1}, {Key: "_id", Value: 1}}).SetLimit(int64(limit)).SetProjection(fields("name")))
	return models.OwnedItems{Count: count, Items: items}, err
}

// IDsOf returns the ids of all workflows of a user, of deleted ones too.
func (r *Workflows) IDsOf(ctx context.Context, owner string) ([]string, error) {
	const op = "repositories.Workflows.IDsOf"
	docs, err := found[struct {
		ID string `bson:"_id"`
	}](ctx, r.coll, op, "workflow", bson.D{{Key: "owner_id", Value: owner}}, options.Find().SetProjection(fields("_id")))
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.ID
	}
	return ids, nil
}

// Erase removes a workflow's document for good.
func (r *Workflows) Erase(ctx context.Context, id string) error {
	_, err := r.coll.DeleteOne(ctx, byID(id))
	return translate("repositories.Workflows.Erase", "workflow", err)
}

// TransferAll gives all workflows of one user to another, deleted ones too.
func (r *Workflows) TransferAll(ctx context.Context, from, to string) error {
	_, err := r.coll.UpdateMany(ctx, bson.D{{Key: "owner_id", Value: from}}, bson.D{
		{Key: "$set", Value: bson.D{{Key: "owner_id", Value: to}}},
		{Key: "$inc", Value: bson.D{{Key: "seq", Value: 1}}},
	})
	return translate("repositories.Workflows.TransferAll", "workflow", err)
}

// EraseOf removes all versions of a workflow.
func (r *Versions) EraseOf(ctx context.Context, workflowID string) error {
	_, err := r.coll.DeleteMany(ctx, bson.D{{Key: "workflow_id", Value: workflowID}})
	return translate("repositories.Versions.EraseOf", "version", err)
}

// EraseOf removes all runs of a workflow.
func (r *Runs) EraseOf(ctx context.Context, workflowID string) error {
	_, err := r.coll.DeleteMany(ctx, bson.D{{Key: "workflow_id", Value: workflowID}})
	return translate("repositories.Runs.EraseOf", "run", err)
}

// TransferAll gives all runs of one user's workflows to another user.
func (r *Runs) TransferAll(ctx context.Context, from, to string) error {
	_, err := r.coll.UpdateMany(ctx, bson.D{{Key: "owner_id", Value: from}}, set(bson.D{{Key: "owner_id", Value: to}}))
	return translate("repositories.Runs.TransferAll", "run", err)
}

// RunningOf counts the runs of a user's workflows that go on.
func (r *Runs) RunningOf(ctx context.Context, owner string) (int64, error) {
	n, err := r.coll.CountDocuments(ctx, bson.D{{Key: "status", Value: models.RunRunning}, {Key: "owner_id", Value: owner}})
	return n, translate("repositories.Runs.RunningOf", "run", err)
}
