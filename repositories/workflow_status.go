package repositories

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/models"
)

// nodeStatuses is the part of a workflow that the server owns.
type nodeStatuses struct {
	StatusRev int64 `bson:"status_rev"`
	Nodes     []struct {
		ID   string   `bson:"id"`
		Data bson.Raw `bson:"data"`
	} `bson:"nodes"`
}

// SetNodeStatus replaces the status of one node and, unless it is nil,
// secretCreated. No other field changes, so concurrent edits are kept. It does
// nothing when the node or the workflow was deleted.
func (r *Workflows) SetNodeStatus(
	ctx context.Context, workflowID, nodeID string, status map[string]any, secretCreated *bool,
) error {
	set := bson.D{{Key: "nodes.$[n].data." + models.StatusKey, Value: status}}
	if secretCreated != nil {
		set = append(set, bson.E{Key: "nodes.$[n].data." + models.SecretCreatedKey, Value: *secretCreated})
	}
	_, err := r.coll.UpdateOne(ctx,
		append(present(workflowID), bson.E{Key: "nodes.id", Value: nodeID}),
		bson.D{
			{Key: "$set", Value: set},
			{Key: "$inc", Value: bson.D{{Key: "status_rev", Value: 1}, {Key: "seq", Value: 1}}},
		},
		options.UpdateOne().SetArrayFilters([]any{bson.D{{Key: "n.id", Value: nodeID}}}))
	return translate("repositories.Workflows.SetNodeStatus", "workflow", err)
}

// ClearStatuses removes the statuses of all nodes except those of the given types,
// whose objects remain in the cluster. It does nothing when the workflow was
// deleted.
func (r *Workflows) ClearStatuses(ctx context.Context, workflowID string, exceptTypes ...string) error {
	_, err := r.coll.UpdateOne(ctx, present(workflowID),
		bson.D{
			{Key: "$unset", Value: bson.D{{Key: "nodes.$[n].data." + models.StatusKey, Value: ""}}},
			{Key: "$inc", Value: bson.D{{Key: "status_rev", Value: 1}, {Key: "seq", Value: 1}}},
		},
		options.UpdateOne().SetArrayFilters([]any{bson.D{{Key: "n.type", Value: bson.D{{Key: "$nin", Value: exceptTypes}}}}}))
	return translate("repositories.Workflows.ClearStatuses", "workflow", err)
}

// keepStatuses replaces the server's keys in docs by the stored ones of the same
// node ids. It returns the status_rev at which it read them.
func (r *Workflows) keepStatuses(ctx context.Context, owner, id string, docs []nodeDocument) (int64, error) {
	const op = "repositories.Workflows.Update"
	var stored nodeStatuses
	err := r.coll.FindOne(ctx, owned(owner, id), options.FindOne().SetProjection(fields(
		"status_rev", "nodes.id", "nodes.data."+models.StatusKey, "nodes.data."+models.SecretCreatedKey,
	))).Decode(&stored)
	if err != nil {
		return 0, translate(op, "workflow", err)
	}
	byID := make(map[string]bson.Raw, len(stored.Nodes))
	for _, n := range stored.Nodes {
		byID[n.ID] = n.Data
	}
	for i, d := range docs {
		merged, err := withServerKeys(d.Data, byID[d.ID])
		if err != nil {
			return 0, &models.Error{Op: op, Err: err}
		}
		docs[i].Data = merged
	}
	return stored.StatusRev, nil
}

// withServerKeys returns data with the server's keys of stored.
func withServerKeys(data, stored bson.Raw) (bson.Raw, error) {
	elems, err := data.Elements()
	if err != nil {
		return nil, err
	}
	out := bson.D{}
	for _, e := range elems {
		if k := e.Key(); k != models.StatusKey && k != models.SecretCreatedKey {
			out = append(out, bson.E{Key: k, Value: e.Value()})
		}
	}
	for _, key := range []string{models.StatusKey, models.SecretCreatedKey} {
		if v, err := stored.LookupErr(key); err == nil {
			out = append(out, bson.E{Key: key, Value: v})
		}
	}
	return bson.Marshal(out)
}
