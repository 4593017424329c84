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

// maxDocument is the largest update. MongoDB's limit for a document is 16 MiB, of
// which the rest is for the fields that the server adds.
const maxDocument = 14 << 20

// Workflows stores workflow documents. Methods find no deleted ones unless they
// say so. It is safe for concurrent use.
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

// ByID returns a workflow of any owner. It is for background work.
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

// Head returns the counters that show whether a cached copy of one of owner's
// workflows is current. It does not read the graph.
func (r *Workflows) Head(ctx context.Context, owner, id string) (models.WorkflowHead, error) {
	var head models.WorkflowHead
	err := r.coll.FindOne(ctx, owned(owner, id),
		options.FindOne().SetProjection(fields("status", "revision", "seq"))).Decode(&head)
	return head, translate("repositories.Workflows.Head", "workflow", err)
}

// List returns all of owner's workflows, the last edited first. It does not read
// the graphs.
func (r *Workflows) List(ctx context.Context, owner string) ([]models.WorkflowSummary, error) {
	const op = "repositories.Workflows.List"
	docs, err := findAll[struct {
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

// Owned counts the workflows of a user and lists the first ones by name.
func (r *Workflows) Owned(ctx context.Context, owner string, limit int) (models.OwnedItems, error) {
	return ownedItems(ctx, r.coll, "repositories.Workflows.Owned", bson.D{{Key: "owner_id", Value: owner}, notDeleted()}, limit)
}

// CountByCluster returns how many workflows of the owner of c name it, and how many
// of other users have run in it. Deleted ones do not count.
func (r *Workflows) CountByCluster(ctx context.Context, c models.Cluster) (owners, others int64, err error) {
	const op = "repositories.Workflows.CountByCluster"
	owner := bson.D{{Key: "owner_id", Value: c.OwnerID}, {Key: "cluster_id", Value: c.Name}, notDeleted()}
	if owners, err = r.coll.CountDocuments(ctx, owner); err != nil {
		return 0, 0, translate(op, "workflow", err)
	}
	other := bson.D{
		{Key: "cluster_ref", Value: c.ID}, {Key: "owner_id", Value: bson.D{{Key: "$ne", Value: c.OwnerID}}}, notDeleted(),
	}
	others, err = r.coll.CountDocuments(ctx, other)
	return owners, others, translate(op, "workflow", err)
}

// IDsByOwner returns the ids of all workflows of a user, including deleted ones.
func (r *Workflows) IDsByOwner(ctx context.Context, owner string) ([]string, error) {
	const op = "repositories.Workflows.IDsByOwner"
	return r.ids(ctx, op, bson.D{{Key: "owner_id", Value: owner}}, options.Find())
}

func (r *Workflows) ids(ctx context.Context, op string, filter bson.D, o *options.FindOptionsBuilder) ([]string, error) {
	docs, err := findAll[struct {
		ID string `bson:"_id"`
	}](ctx, r.coll, op, "workflow", filter, o.SetProjection(fields("_id")))
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.ID
	}
	return ids, nil
}

// Erase removes a workflow's document, which Delete only hides.
func (r *Workflows) Erase(ctx context.Context, id string) error {
	_, err := r.coll.DeleteOne(ctx, byID(id))
	return translate("repositories.Workflows.Erase", "workflow", err)
}

// TransferAll gives all workflows of one user to another, including deleted ones.
func (r *Workflows) TransferAll(ctx context.Context, from, to string) error {
	_, err := r.coll.UpdateMany(ctx, bson.D{{Key: "owner_id", Value: from}}, bson.D{
		{Key: "$set", Value: bson.D{{Key: "owner_id", Value: to}}},
		{Key: "$inc", Value: bson.D{{Key: "seq", Value: 1}}},
	})
	return translate("repositories.Workflows.TransferAll", "workflow", err)
}

// Delete hides one of owner's workflows. The document, versions and runs stay.
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

// notDeleted matches documents without the field, as null does in MongoDB.
func notDeleted() bson.E { return bson.E{Key: "deleted_at", Value: nil} }

func summaryFields() bson.D {
	return fields("name", "description", "cluster_id", "status", "tags", "node_count", "version_seq", "owner_id",
		"team_id", "created_at", "updated_at", "last_run_at", "run_count", "success_count", "failure_count")
}
