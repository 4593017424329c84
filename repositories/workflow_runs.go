package repositories

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/models"
)

// StartRun counts a run that begins, and stores its cluster and inventory, which
// a recovery needs. It does nothing when the workflow was deleted, and when the run
// is counted already: it may be called again after an error. It is a Conflict when the
// workflow was moved to another cluster meanwhile.
func (r *Workflows) StartRun(ctx context.Context, id string, start models.RunStart) error {
	const op = "repositories.Workflows.StartRun"
	fresh := append(present(id), bson.E{Key: "started_run", Value: bson.D{{Key: "$ne", Value: start.RunID}}},
		bson.E{Key: "cluster_id", Value: start.Cluster})
	res, err := r.coll.UpdateOne(ctx, fresh, bson.D{
		{Key: "$inc", Value: bson.D{{Key: "seq", Value: 1}, {Key: "run_count", Value: 1}}},
		{Key: "$max", Value: bson.D{{Key: "version_seq", Value: start.Version}}},
		{Key: "$set", Value: bson.D{
			{Key: "started_run", Value: start.RunID},
			{Key: "last_run_at", Value: start.At}, {Key: "cluster_ref", Value: start.ClusterRef}, {Key: "inventory", Value: start.Inventory},
		}},
	})
	if err != nil || res.MatchedCount > 0 {
		return translate(op, "workflow", err)
	}
	moved := append(present(id), bson.E{Key: "cluster_id", Value: bson.D{{Key: "$ne", Value: start.Cluster}}})
	n, err := r.coll.CountDocuments(ctx, moved)
	if err == nil && n > 0 {
		return &models.Error{Op: op, Kind: models.Conflict, Msg: "the workflow was moved to another cluster; run it again"}
	}
	return translate(op, "workflow", err)
}

// countedRuns is how many runs a workflow remembers as counted. The next run may
// begin, and end, before the last one is counted.
const countedRuns = 10

// CountResult counts a run that has ended. It does nothing when the workflow was
// deleted, and when the run is counted already: it may be called again after an
// error.
func (r *Workflows) CountResult(ctx context.Context, id, runID string, succeeded bool) error {
	counter := "failure_count"
	if succeeded {
		counter = "success_count"
	}
	fresh := append(present(id), bson.E{Key: "counted_runs", Value: bson.D{{Key: "$ne", Value: runID}}})
	_, err := r.coll.UpdateOne(ctx, fresh, bson.D{
		{Key: "$inc", Value: bson.D{{Key: "seq", Value: 1}, {Key: counter, Value: 1}}},
		{Key: "$push", Value: bson.D{{Key: "counted_runs", Value: bson.D{
			{Key: "$each", Value: bson.A{runID}}, {Key: "$slice", Value: -countedRuns},
		}}}},
	})
	return translate("repositories.Workflows.CountResult", "workflow", err)
}

// RaiseVersion raises the workflow's newest version to number, unless it is higher.
func (r *Workflows) RaiseVersion(ctx context.Context, id string, number int) error {
	_, err := r.coll.UpdateOne(ctx, present(id), bson.D{
		{Key: "$max", Value: bson.D{{Key: "version_seq", Value: number}}},
		{Key: "$inc", Value: bson.D{{Key: "seq", Value: 1}}},
	})
	return translate("repositories.Workflows.RaiseVersion", "workflow", err)
}

// Inventory returns the objects that a workflow has or may have in clusters, also
// of a deleted workflow.
func (r *Workflows) Inventory(ctx context.Context, id string) ([]models.OwnedObject, error) {
	var doc struct {
		Inventory []models.OwnedObject `bson:"inventory"`
	}
	err := r.coll.FindOne(ctx, bson.D{{Key: "_id", Value: id}},
		options.FindOne().SetProjection(fields("inventory"))).Decode(&doc)
	return doc.Inventory, translate("repositories.Workflows.Inventory", "workflow", err)
}

// Belongings returns what one of owner's workflows has in clusters, also of a deleted
// one until it is erased.
func (r *Workflows) Belongings(ctx context.Context, owner, id string) (models.Belongings, error) {
	var doc models.Belongings
	filter := append(byID(id), bson.E{Key: "owner_id", Value: owner}, bson.E{Key: "erasing", Value: nil})
	err := r.coll.FindOne(ctx, filter, options.FindOne().SetProjection(
		fields("name", "status", "cluster_id", "cluster_ref", "deleted_at", "inventory"))).Decode(&doc)
	return doc, translate("repositories.Workflows.Belongings", "workflow", err)
}

// SetInventory replaces what Inventory returns. Only the process that runs the
// workflow may call it.
func (r *Workflows) SetInventory(ctx context.Context, id string, objects []models.OwnedObject) error {
	if objects == nil {
		objects = []models.OwnedObject{}
	}
	_, err := r.coll.UpdateOne(ctx, bson.D{{Key: "_id", Value: id}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "inventory", Value: objects}}}})
	return translate("repositories.Workflows.SetInventory", "workflow", err)
}

// SetApplied stores what an object of the inventory was left as, and leaves the other
// objects alone. It does nothing for an object that is not in the inventory.
func (r *Workflows) SetApplied(ctx context.Context, id string, o models.OwnedObject) error {
	_, err := r.coll.UpdateOne(ctx, bson.D{{Key: "_id", Value: id}, {Key: "inventory.name", Value: o.Name}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "inventory.$[o].applied", Value: o.Applied}}}},
		options.UpdateOne().SetArrayFilters([]any{bson.D{
			{Key: "o.cluster", Value: o.Cluster}, {Key: "o.api_version", Value: o.APIVersion}, {Key: "o.kind", Value: o.Kind},
			{Key: "o.namespace", Value: o.Namespace}, {Key: "o.name", Value: o.Name},
		}}))
	return translate("repositories.Workflows.SetApplied", "workflow", err)
}
