package repositories

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/models"
)

// leasedBy matches a running run while the session lease has it.
func leasedBy(id, lease string) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "status", Value: models.RunRunning}, {Key: "lease", Value: lease}}
}

// leaseError translates err. No match means that another session has the run.
func leaseError(op string, err error) error {
	if errors.Is(err, mongo.ErrNoDocuments) {
		return &models.Error{Op: op, Kind: models.Conflict, Msg: "the run belongs to another server or has ended", Err: err}
	}
	return translate(op, "run", err)
}

// Cancelled reports whether somebody has cancelled a run.
func (r *Runs) Cancelled(ctx context.Context, id, lease string) (bool, error) {
	var doc struct {
		CancelRequested bool `bson:"cancel_requested"`
	}
	err := r.coll.FindOne(ctx, leasedBy(id, lease), options.FindOne().SetProjection(fields("cancel_requested"))).Decode(&doc)
	return doc.CancelRequested, leaseError("repositories.Runs.Cancelled", err)
}

// Release gives a run up, so that another server can take it over.
func (r *Runs) Release(ctx context.Context, id, lease string) error {
	return r.update(ctx, "repositories.Runs.Release", leasedBy(id, lease), bson.D{{Key: "lease", Value: ""}})
}

// TakeOver gives a run of the session seen to the session lease and returns it. It is
// a Conflict when another server was faster.
func (r *Runs) TakeOver(ctx context.Context, id, seen, lease string) (models.Run, error) {
	var doc runDocument
	err := r.coll.FindOneAndUpdate(ctx, leasedBy(id, seen), bson.D{
		{Key: "$set", Value: bson.D{{Key: "lease", Value: lease}}}, {Key: "$unset", Value: bson.D{{Key: "lease_until", Value: ""}}},
	}, options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&doc)
	return doc.run(), leaseError("repositories.Runs.TakeOver", err)
}

// Record stores the progress of a run.
func (r *Runs) Record(ctx context.Context, id, lease string, p models.RunProgress) error {
	var change bson.D
	if p.Version != nil {
		change = append(change, bson.E{Key: "version", Value: *p.Version})
	}
	if p.Phase != nil {
		change = append(change, phaseFields(*p.Phase)...)
	}
	if p.NodeStates != nil {
		change = append(change, bson.E{Key: "node_states", Value: stateDocuments(p.NodeStates)})
	}
	if p.Logs != nil {
		change = append(change, bson.E{Key: "logs", Value: p.Logs})
	}
	if len(change) == 0 {
		return nil
	}
	return r.update(ctx, "repositories.Runs.Record", leasedBy(id, lease), change)
}

func phaseFields(p models.RunPhase) bson.D {
	return bson.D{
		{Key: "phase", Value: p.Phase}, {Key: "wait_until", Value: p.WaitUntil},
		{Key: "rolled_back_to", Value: p.RolledBackTo}, {Key: "failure", Value: p.Failure},
	}
}

// Finish stores the result of a run, whose workflow can then be run again. It may
// be called again after an error, when the result may be stored already. With
// res.Unsettled, Unsettled finds the run until Settle.
func (r *Runs) Finish(ctx context.Context, id, lease string, res models.RunResult) error {
	const op = "repositories.Runs.Finish"
	change := bson.D{
		{Key: "status", Value: res.Status},
		{Key: "error", Value: res.Error},
		{Key: "completed_at", Value: res.CompletedAt},
		{Key: "duration", Value: res.Duration},
		{Key: "node_states", Value: stateDocuments(res.NodeStates)},
		{Key: "logs", Value: res.Logs},
		{Key: "conflict", Value: res.Conflict},
	}
	change = append(change, phaseFields(models.RunPhase{RolledBackTo: res.RolledBackTo})...)
	raw, err := bson.Marshal(change)
	if err != nil {
		return &models.Error{Op: op, Err: err}
	}
	change = append(change, bson.E{Key: "bytes", Value: len(raw)})
	if res.Unsettled {
		change = append(change, bson.E{Key: "unsettled", Value: true})
	}
	err = r.update(ctx, op, leasedBy(id, lease), change)
	if models.KindOf(err) != models.Conflict {
		return err
	}
	same := bson.D{{Key: "_id", Value: id}, {Key: "lease", Value: lease},
		{Key: "status", Value: res.Status}, {Key: "completed_at", Value: res.CompletedAt}}
	found := r.coll.FindOne(ctx, same, options.FindOne().SetProjection(fields("_id"))).Err()
	if errors.Is(found, mongo.ErrNoDocuments) {
		return err
	}
	return leaseError(op, found)
}

func (r *Runs) update(ctx context.Context, op string, filter, change bson.D) error {
	res, err := r.coll.UpdateOne(ctx, filter, set(change))
	if err == nil && res.MatchedCount == 0 {
		err = mongo.ErrNoDocuments
	}
	return leaseError(op, err)
}
