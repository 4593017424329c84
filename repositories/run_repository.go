package repositories

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// Runs stores runs. A running run belongs to the session of a server, its lease.
// Methods with a lease change the run only while that session has it, and are a
// Conflict otherwise. It is safe for concurrent use.
type Runs struct{ coll *mongo.Collection }

// NewRuns returns the runs of db.
func NewRuns(db *mongo.Database) *Runs { return &Runs{db.Collection(database.Runs)} }

// runDocument is a run as it is stored.
type runDocument struct {
	models.Run `bson:",inline"`
	States     []stateDocument `bson:"node_states"`
}

// stateDocument is a node's state with its id as a value. Ids may hold dots, which
// field names must not.
type stateDocument struct {
	NodeID           string `bson:"node_id"`
	models.NodeState `bson:",inline"`
}

func stateDocuments(states map[string]models.NodeState) []stateDocument {
	docs := make([]stateDocument, 0, len(states))
	for id, s := range states {
		docs = append(docs, stateDocument{id, s})
	}
	return docs
}

func (d runDocument) run() models.Run {
	run := d.Run
	run.NodeStates = make(map[string]models.NodeState, len(d.States))
	run.Output = make(map[string]any, len(d.States))
	for _, s := range d.States {
		run.NodeStates[s.NodeID] = s.NodeState
		if len(s.Result) > 0 {
			run.Output[s.NodeID] = s.Result
		}
	}
	if run.Logs == nil {
		run.Logs = []string{}
	}
	return run
}

// Begin stores a running run. It is a Conflict while another run of the same
// workflow is running, in any process. It may be called again after an error, when
// the run may be stored already.
func (r *Runs) Begin(ctx context.Context, run models.Run) error {
	const op = "repositories.Runs.Begin"
	_, err := r.coll.InsertOne(ctx, runDocument{Run: run, States: stateDocuments(run.NodeStates)})
	if mongo.IsDuplicateKeyError(err) {
		if _, err := r.Get(ctx, run.WorkflowID, run.ID); models.KindOf(err) != models.NotFound {
			return err // none: it is this run
		}
		return &models.Error{Op: op, Kind: models.Conflict, Msg: "a run of this workflow is already in progress", Err: err}
	}
	return translate(op, "run", err)
}

// Get returns a run of a workflow.
func (r *Runs) Get(ctx context.Context, workflowID, id string) (models.Run, error) {
	return r.findOne(ctx, "repositories.Runs.Get", bson.D{{Key: "_id", Value: id}, {Key: "workflow_id", Value: workflowID}})
}

// Running returns the run of a workflow that is in progress, or NotFound.
func (r *Runs) Running(ctx context.Context, workflowID string) (models.Run, error) {
	return r.findOne(ctx, "repositories.Runs.Running",
		bson.D{{Key: "workflow_id", Value: workflowID}, {Key: "status", Value: models.RunRunning}})
}

func (r *Runs) findOne(ctx context.Context, op string, filter bson.D) (models.Run, error) {
	var doc runDocument
	err := r.coll.FindOne(ctx, filter).Decode(&doc)
	return doc.run(), translate(op, "run", err)
}

// maxRunsBytes bounds what a list of runs reads.
const maxRunsBytes = 8 << 20

// List returns runs of a workflow, the newest first: as many as limit says and
// maxRunsBytes holds, and at least one.
func (r *Runs) List(ctx context.Context, workflowID string, limit int) ([]models.Run, error) {
	return r.findMany(ctx, "repositories.Runs.List", bson.D{{Key: "workflow_id", Value: workflowID}},
		options.Find().SetSort(bson.D{{Key: "started_at", Value: -1}}).SetLimit(int64(limit)))
}

// Leased returns all running runs of all users, with their ids and leases alone.
func (r *Runs) Leased(ctx context.Context) ([]models.Run, error) {
	return findAll[models.Run](ctx, r.coll, "repositories.Runs.Leased", "runs",
		bson.D{{Key: "status", Value: models.RunRunning}, {Key: "lease", Value: bson.D{{Key: "$gte", Value: ""}}}},
		options.Find().SetProjection(fields("lease", "lease_until")))
}

func (r *Runs) findMany(
	ctx context.Context, op string, filter bson.D, opts *options.FindOptionsBuilder,
) ([]models.Run, error) {
	cur, err := r.coll.Find(ctx, filter, opts.SetBatchSize(10))
	if err != nil {
		return nil, translate(op, "runs", err)
	}
	runs := []models.Run{}
	for size := 0; cur.Next(ctx); {
		if size += len(cur.Current); size > maxRunsBytes && len(runs) > 0 {
			break
		}
		var doc runDocument
		if err := cur.Decode(&doc); err != nil {
			return nil, errors.Join(translate(op, "runs", err), cur.Close(ctx))
		}
		runs = append(runs, doc.run())
	}
	return runs, translate(op, "runs", errors.Join(cur.Err(), cur.Close(ctx)))
}

// RequestCancel asks the process of a run to end it. A run that has ended is a
// Conflict.
func (r *Runs) RequestCancel(ctx context.Context, workflowID, id string) error {
	const op = "repositories.Runs.RequestCancel"
	res, err := r.coll.UpdateOne(ctx, bson.D{
		{Key: "_id", Value: id}, {Key: "workflow_id", Value: workflowID}, {Key: "status", Value: models.RunRunning},
	}, set(bson.D{{Key: "cancel_requested", Value: true}}))
	if err != nil || res.MatchedCount > 0 {
		return translate(op, "run", err)
	}
	if _, err := r.Get(ctx, workflowID, id); err != nil {
		return err
	}
	return &models.Error{Op: op, Kind: models.Conflict, Msg: "the run has ended already"}
}

// DeleteByWorkflow removes all runs of a workflow.
func (r *Runs) DeleteByWorkflow(ctx context.Context, workflowID string) error {
	_, err := r.coll.DeleteMany(ctx, bson.D{{Key: "workflow_id", Value: workflowID}})
	return translate("repositories.Runs.DeleteByWorkflow", "run", err)
}

// TransferAll gives all runs of one user's workflows to another user.
func (r *Runs) TransferAll(ctx context.Context, from, to string) error {
	_, err := r.coll.UpdateMany(ctx, bson.D{{Key: "owner_id", Value: from}}, set(bson.D{{Key: "owner_id", Value: to}}))
	return translate("repositories.Runs.TransferAll", "run", err)
}

// CountRunning counts the running runs of a user's workflows.
func (r *Runs) CountRunning(ctx context.Context, owner string) (int64, error) {
	n, err := r.coll.CountDocuments(ctx, bson.D{{Key: "status", Value: models.RunRunning}, {Key: "owner_id", Value: owner}})
	return n, translate("repositories.Runs.CountRunning", "run", err)
}
