package repositories

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/models"
)

// maxAttempts bounds the retries of an edit because of concurrent status writes.
// Statuses of a workflow change a few times a second at most, so that reaching it
// is a fault.
const maxAttempts = 100

// Update changes the fields that p sets in one of owner's workflows and returns
// the result. Nodes keep the stored status of their id, also one that is written
// during Update; statuses in p are ignored. A stale p.IfRevision is a Conflict and
// changes nothing.
func (r *Workflows) Update(
	ctx context.Context, owner, id string, p models.WorkflowPatch, at time.Time,
) (models.Workflow, error) {
	const op = "repositories.Workflows.Update"
	for range maxAttempts {
		set, statusRev, err := r.changes(ctx, owner, id, p)
		if err != nil {
			return models.Workflow{}, err
		}
		set = append(set, bson.E{Key: "updated_at", Value: at})
		filter := owned(owner, id)
		if p.IfRevision != nil {
			filter = append(filter, bson.E{Key: "revision", Value: *p.IfRevision})
		}
		if p.Nodes != nil {
			filter = append(filter, bson.E{Key: "status_rev", Value: statusRev})
		}
		w, err := r.findAndSet(ctx, filter, set)
		if !errors.Is(err, mongo.ErrNoDocuments) {
			return w, translate(op, "workflow", err)
		}
		if err := r.unmatched(ctx, owner, id, p.IfRevision); err != nil {
			return models.Workflow{}, err
		}
	}
	return models.Workflow{}, &models.Error{Op: op, Kind: models.Unavailable, Msg: "the workflow is changing too fast; try again"}
}

func (r *Workflows) findAndSet(ctx context.Context, filter, set bson.D) (models.Workflow, error) {
	var doc workflowDocument
	err := r.coll.FindOneAndUpdate(ctx, filter, bson.D{
		{Key: "$set", Value: set},
		{Key: "$inc", Value: bson.D{{Key: "revision", Value: 1}, {Key: "seq", Value: 1}}},
	}, options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&doc)
	if err != nil {
		return models.Workflow{}, err
	}
	return doc.workflow()
}

// unmatched returns why an update matched no document: an error, or nil when only
// a status was written meanwhile.
func (r *Workflows) unmatched(ctx context.Context, owner, id string, revision *int64) error {
	head, err := r.Head(ctx, owner, id)
	if err == nil && revision != nil && head.Revision != *revision {
		return &models.Error{
			Op: "repositories.Workflows.Update", Kind: models.Conflict,
			Msg: "the workflow was changed since it was read",
		}
	}
	return err
}

// changes returns the fields that p sets, and the status_rev at which the statuses
// of its nodes were read.
func (r *Workflows) changes(
	ctx context.Context, owner, id string, p models.WorkflowPatch,
) (set bson.D, statusRev int64, err error) {
	const op = "repositories.Workflows.Update"
	for key, value := range map[string]*string{"name": p.Name, "description": p.Description, "status": p.Status, "cluster_id": p.ClusterID} {
		if value != nil {
			set = append(set, bson.E{Key: key, Value: *value})
		}
	}
	if p.ClusterRef != "" {
		set = append(set, bson.E{Key: "cluster_ref", Value: p.ClusterRef})
	}
	if p.Edges != nil {
		set = append(set, bson.E{Key: "edges", Value: *p.Edges})
	}
	if p.Nodes == nil {
		return set, 0, nil
	}
	docs, err := nodeDocuments(*p.Nodes)
	if err != nil {
		return nil, 0, &models.Error{Op: op, Err: err}
	}
	statusRev, err = r.keepStatuses(ctx, owner, id, docs)
	if err != nil {
		return nil, 0, err
	}
	var edges []models.Edge
	if p.Edges != nil {
		edges = *p.Edges
	}
	size, err := graphBytes(docs, edges)
	if err != nil {
		return nil, 0, &models.Error{Op: op, Err: err}
	}
	set = append(set, bson.E{Key: "nodes", Value: docs}, bson.E{Key: "node_count", Value: len(docs)}, bson.E{Key: "bytes", Value: size})
	return set, statusRev, checkSize(op, set)
}

// checkSize refuses an update that is too large for a document.
func checkSize(op string, set bson.D) error {
	raw, err := bson.Marshal(set)
	if err != nil {
		return &models.Error{Op: op, Err: err}
	}
	if len(raw) > maxDocument {
		return &models.Error{Op: op, Kind: models.TooLarge, Msg: "the graph is larger than 14 MB"}
	}
	return nil
}
