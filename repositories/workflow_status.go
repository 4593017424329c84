package repositories

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
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
	return r.SetWatchedStatus(ctx, models.WatchFence{}, workflowID, nodeID, status, secretCreated)
}

// SetWatchedStatus is SetNodeStatus for the server that watches the workflow's
// cluster. It is a Conflict and changes nothing unless RaiseWatchFence was called
// with the same fence, and with no other since. The zero fence is never refused.
func (r *Workflows) SetWatchedStatus(
	ctx context.Context, by models.WatchFence, workflowID, nodeID string, status map[string]any, secretCreated *bool,
) error {
	const op = "repositories.Workflows.SetNodeStatus"
	set := bson.D{{Key: "nodes.$[n].data." + models.StatusKey, Value: status}}
	if secretCreated != nil {
		set = append(set, bson.E{Key: "nodes.$[n].data." + models.SecretCreatedKey, Value: *secretCreated})
	}
	filter := append(present(workflowID), bson.E{Key: "nodes.id", Value: nodeID})
	if !by.IsZero() {
		filter = append(filter,
			bson.E{Key: "watch_fence.cluster", Value: by.ClusterID}, bson.E{Key: "watch_fence.fence", Value: by.Fence})
	}
	res, err := r.coll.UpdateOne(ctx, filter,
		bson.D{{Key: "$set", Value: set}, {Key: "$inc", Value: bson.D{{Key: "status_rev", Value: 1}, {Key: "seq", Value: 1}}}},
		options.UpdateOne().SetArrayFilters([]any{bson.D{{Key: "n.id", Value: nodeID}}}))
	if err != nil || res.MatchedCount > 0 || by.IsZero() {
		return translate(op, "workflow", err)
	}
	now, err := r.watchFence(ctx, workflowID)
	switch {
	case errors.Is(err, mongo.ErrNoDocuments), err == nil && now == by: // the workflow or the node was deleted
		return nil
	case err != nil:
		return translate(op, "workflow", err)
	}
	return watchedElsewhere(op)
}

// RaiseWatchFence makes by the only fence whose statuses are stored, and returns
// the workflow with the statuses at that moment. It is a Conflict when a server
// was given the same cluster later and has raised its fence.
func (r *Workflows) RaiseWatchFence(ctx context.Context, workflowID string, by models.WatchFence) (models.Workflow, error) {
	const op = "repositories.Workflows.RaiseWatchFence"
	filter := append(present(workflowID), bson.E{Key: "$or", Value: bson.A{
		bson.D{{Key: "watch_fence.cluster", Value: bson.D{{Key: "$ne", Value: by.ClusterID}}}},
		bson.D{{Key: "watch_fence.fence", Value: bson.D{{Key: "$lte", Value: by.Fence}}}},
	}})
	var doc workflowDocument
	err := r.coll.FindOneAndUpdate(ctx, filter, set(bson.D{{Key: "watch_fence", Value: by}}),
		options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&doc)
	if errors.Is(err, mongo.ErrNoDocuments) {
		if _, err = r.watchFence(ctx, workflowID); err == nil {
			err = watchedElsewhere(op)
		}
	}
	if err != nil {
		return models.Workflow{}, translate(op, "workflow", err)
	}
	w, err := doc.workflow()
	return w, translate(op, "workflow", err)
}

func (r *Workflows) watchFence(ctx context.Context, workflowID string) (models.WatchFence, error) {
	var doc struct {
		Fence models.WatchFence `bson:"watch_fence"`
	}
	err := r.coll.FindOne(ctx, present(workflowID), options.FindOne().SetProjection(fields("watch_fence"))).Decode(&doc)
	return doc.Fence, err
}

func watchedElsewhere(op string) error {
	return &models.Error{Op: op, Kind: models.Conflict, Msg: "another server watches the workflow"}
}

// ClearStatuses removes the statuses of all nodes except those of the given types,
// whose objects remain in the cluster. Statuses that a server made of the objects
// before are refused from then on, until it raises its fence again. It does nothing
// when the workflow was deleted.
func (r *Workflows) ClearStatuses(ctx context.Context, workflowID string, exceptTypes ...string) error {
	_, err := r.coll.UpdateOne(ctx, present(workflowID),
		bson.D{
			{Key: "$unset", Value: bson.D{
				{Key: "nodes.$[n].data." + models.StatusKey, Value: ""}, {Key: "nodes.$[n].data." + models.SecretCreatedKey, Value: ""},
				{Key: "watch_fence", Value: ""},
			}},
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
