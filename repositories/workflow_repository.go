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

// maxDocument is the largest update that is sent. A database document ends at
// 16 MiB; the rest is room for what the server adds.
const maxDocument = 14 << 20

// Workflows stores workflow documents. Deleted ones are invisible to all of
// its methods. It is safe for concurrent use.
type Workflows struct{ coll *mongo.Collection }

// NewWorkflows returns the workflows of db.
func NewWorkflows(db *mongo.Database) *Workflows {
	return &Workflows{db.Collection(database.Workflows)}
}

// Insert stores a new workflow. An id that is taken is a Conflict.
func (r *Workflows) Insert(ctx context.Context, w models.Workflow) error {
	const op = "repositories.Workflows.Insert"
	doc, err := newWorkflowDocument(w)
	if err != nil {
		return &models.Error{Op: op, Err: err}
	}
	_, err = r.coll.InsertOne(ctx, doc)
	return translate(op, "workflow", err)
}

// Get returns one of owner's workflows. Somebody else's is NotFound.
func (r *Workflows) Get(ctx context.Context, owner, id string) (models.Workflow, error) {
	return r.find(ctx, "repositories.Workflows.Get", owned(owner, id))
}

// ByID returns a workflow whoever owns it. It is for background work; what
// people ask for goes through Get.
func (r *Workflows) ByID(ctx context.Context, id string) (models.Workflow, error) {
	return r.find(ctx, "repositories.Workflows.ByID", present(id))
}

func (r *Workflows) find(ctx context.Context, op string, filter bson.D) (models.Workflow, error) {
	var doc workflowDocument
	if err := r.coll.FindOne(ctx, filter).Decode(&doc); err != nil {
		return models.Workflow{}, translate(op, "workflow", err)
	}
	w, err := doc.workflow()
	return w, translate(op, "workflow", err)
}

// Head returns the counters that tell whether a copy of one of owner's
// workflows is still good. It reads nothing of the graph.
func (r *Workflows) Head(ctx context.Context, owner, id string) (models.WorkflowHead, error) {
	var head models.WorkflowHead
	err := r.coll.FindOne(ctx, owned(owner, id),
		options.FindOne().SetProjection(fields("status", "revision", "seq"))).Decode(&head)
	return head, translate("repositories.Workflows.Head", "workflow", err)
}

// List returns all of owner's workflows, the last edited first. It reads
// nothing of the graphs but their size.
func (r *Workflows) List(ctx context.Context, owner string) ([]models.WorkflowSummary, error) {
	const op = "repositories.Workflows.List"
	docs, err := found[struct {
		models.WorkflowSummary `bson:",inline"`
		VersionSeq             int `bson:"version_seq"`
	}](ctx, r.coll, op, "workflows", bson.D{{Key: "owner_id", Value: owner}, notDeleted()},
		options.Find().SetSort(bson.D{{Key: "updated_at", Value: -1}}).SetProjection(summaryFields()).SetBatchSize(1000))
	if err != nil {
		return nil, err
	}
	list := make([]models.WorkflowSummary, len(docs))
	for i, d := range docs {
		list[i] = d.WorkflowSummary
		list[i].CurrentVersion = max(1, d.VersionSeq)
		list[i].Nodes, list[i].Edges = make([]struct{}, d.NodeCount), []models.Edge{}
		if list[i].Tags == nil {
			list[i].Tags = []string{}
		}
	}
	return list, nil
}

// Delete hides one of owner's workflows for good. Its versions and runs stay.
func (r *Workflows) Delete(ctx context.Context, owner, id string, at time.Time) error {
	const op = "repositories.Workflows.Delete"
	res, err := r.coll.UpdateOne(ctx, owned(owner, id), bson.D{
		{Key: "$set", Value: bson.D{{Key: "deleted_at", Value: at}}},
		{Key: "$inc", Value: bson.D{{Key: "seq", Value: 1}}},
	})
	return matched(op, "workflow", res, err)
}

func present(id string) bson.D {
	return bson.D{{Key: "_id", Value: id}, notDeleted()}
}

func owned(owner, id string) bson.D {
	return append(present(id), bson.E{Key: "owner_id", Value: owner})
}

// notDeleted also holds for documents without the field.
func notDeleted() bson.E { return bson.E{Key: "deleted_at", Value: nil} }

func summaryFields() bson.D {
	return fields("name", "description", "cluster_id", "status", "tags", "node_count", "version_seq", "owner_id",
		"team_id", "created_at", "updated_at", "last_run_at", "run_count", "success_count", "failure_count")
}
