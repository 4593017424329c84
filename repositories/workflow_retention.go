package repositories

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/models"
)

// Restore shows one of owner's deleted workflows again. After BeginErase it is
// NotFound, and so is a workflow that is not deleted.
func (r *Workflows) Restore(ctx context.Context, owner, id string, at time.Time) error {
	filter := append(byID(id), bson.E{Key: "owner_id", Value: owner}, has("deleted_at"), bson.E{Key: "erasing", Value: nil})
	res, err := r.coll.UpdateOne(ctx, filter, bson.D{
		{Key: "$unset", Value: bson.D{{Key: "deleted_at", Value: ""}}},
		{Key: "$set", Value: bson.D{{Key: "updated_at", Value: at}}},
		{Key: "$inc", Value: bson.D{{Key: "seq", Value: 1}}},
	})
	return matched("repositories.Workflows.Restore", "deleted workflow", res, err)
}

// BeginErase makes the workflows that were deleted before then impossible to
// restore, and returns the ids of all such.
func (r *Workflows) BeginErase(ctx context.Context, then time.Time) ([]string, error) {
	const op = "repositories.Workflows.BeginErase"
	old := bson.D{{Key: "deleted_at", Value: bson.D{{Key: "$lt", Value: then}}}}
	if _, err := r.coll.UpdateMany(ctx, old, set(bson.D{{Key: "erasing", Value: true}})); err != nil {
		return nil, translate(op, "workflows", err)
	}
	return r.ids(ctx, op, append(old, bson.E{Key: "erasing", Value: true}), options.Find())
}

// BeginEraseOf makes one of owner's deleted workflows impossible to restore.
func (r *Workflows) BeginEraseOf(ctx context.Context, owner, id string) error {
	res, err := r.coll.UpdateOne(ctx, append(byID(id), bson.E{Key: "owner_id", Value: owner}, has("deleted_at")),
		set(bson.D{{Key: "erasing", Value: true}}))
	return matched("repositories.Workflows.BeginEraseOf", "workflow", res, err)
}

// IDsAfter returns the next ids behind after, in their order.
func (r *Workflows) IDsAfter(ctx context.Context, after string, limit int) ([]string, error) {
	filter := bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: after}}}}
	return r.ids(ctx, "repositories.Workflows.IDsAfter", filter,
		options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(int64(limit)))
}

// AddHistoryBytes adds to the size of a workflow's versions and runs.
func (r *Workflows) AddHistoryBytes(ctx context.Context, id string, n int64) error {
	_, err := r.coll.UpdateOne(ctx, byID(id), bson.D{{Key: "$inc", Value: bson.D{{Key: "history_bytes", Value: n}}}})
	return translate("repositories.Workflows.AddHistoryBytes", "workflow", err)
}

// SetHistoryBytes replaces the size of a workflow's versions and runs.
func (r *Workflows) SetHistoryBytes(ctx context.Context, id string, n int64) error {
	_, err := r.coll.UpdateOne(ctx, byID(id), set(bson.D{{Key: "history_bytes", Value: n}}))
	return translate("repositories.Workflows.SetHistoryBytes", "workflow", err)
}

// Usage returns how many workflows an account has and how much they take.
func (r *Workflows) Usage(ctx context.Context, owner string) (u models.AccountUsage, err error) {
	docs, err := findAll[struct {
		Bytes        int64      `bson:"bytes"`
		HistoryBytes int64      `bson:"history_bytes"`
		DeletedAt    *time.Time `bson:"deleted_at"`
	}](ctx, r.coll, "repositories.Workflows.Usage", "workflows", bson.D{{Key: "owner_id", Value: owner}},
		options.Find().SetProjection(fields("bytes", "history_bytes", "deleted_at")).SetBatchSize(1000))
	for _, d := range docs {
		u.StoredBytes += d.Bytes + d.HistoryBytes
		if d.DeletedAt == nil {
			u.Workflows++
		}
	}
	return u, err
}

// Delete removes a version. The newest one is a Conflict, since its number would
// be given again.
func (r *Versions) Delete(ctx context.Context, workflowID string, number int) error {
	const op = "repositories.Versions.Delete"
	last, err := r.last(ctx, workflowID)
	if err != nil {
		return translate(op, "version", err)
	}
	if number == last {
		return &models.Error{Op: op, Kind: models.Conflict, Msg: "the newest version cannot be deleted"}
	}
	res, err := r.coll.DeleteOne(ctx, byNumber(workflowID, number))
	if err == nil && res.DeletedCount == 0 {
		err = mongo.ErrNoDocuments
	}
	return translate(op, "version", err)
}

// Count counts the versions of a workflow.
func (r *Versions) Count(ctx context.Context, workflowID string) (int64, error) {
	n, err := r.coll.CountDocuments(ctx, ofWorkflow(workflowID))
	return n, translate("repositories.Versions.Count", "versions", err)
}

// PruneAutomatic deletes the versions that runs took, but for the newest, as many
// as newest says, and those with the given numbers.
func (r *Versions) PruneAutomatic(ctx context.Context, workflowID string, newest int, except []int) error {
	const op = "repositories.Versions.PruneAutomatic"
	automatic := append(ofWorkflow(workflowID), bson.E{Key: "is_automatic", Value: true})
	oldest, err := findAll[struct {
		Number int `bson:"version"`
	}](ctx, r.coll, op, "versions", automatic,
		options.Find().SetSort(newestVersion()).SetSkip(int64(newest)).SetLimit(1).SetProjection(fields("version")))
	if err != nil || len(oldest) == 0 {
		return err
	}
	_, err = r.coll.DeleteMany(ctx, append(automatic, bson.E{Key: "version", Value: bson.D{
		{Key: "$lte", Value: oldest[0].Number}, {Key: "$nin", Value: append([]int{}, except...)},
	}}))
	return translate(op, "versions", err)
}

// Bytes returns the size of a workflow's versions.
func (r *Versions) Bytes(ctx context.Context, workflowID string) (int64, error) {
	return sumBytes(ctx, r.coll, "repositories.Versions.Bytes", workflowID)
}

// Current returns the ids and versions of the runs that matter for the present
// state of a workflow: one in progress, and the last one that completed.
func (r *Runs) Current(ctx context.Context, workflowID string) (ids []string, versions []int, err error) {
	docs, err := findAll[struct {
		ID      string `bson:"_id"`
		Version int    `bson:"version"`
	}](ctx, r.coll, "repositories.Runs.Current", "runs",
		append(ofWorkflow(workflowID), bson.E{Key: "status", Value: bson.D{{Key: "$in", Value: []string{models.RunRunning, models.RunCompleted}}}}),
		options.Find().SetSort(newestRun()).SetLimit(2).SetProjection(fields("version")))
	for _, d := range docs {
		ids, versions = append(ids, d.ID), append(versions, d.Version)
	}
	return ids, versions, err
}

// Prune deletes the runs of a workflow that have ended, but for the newest, as
// many as newest says, and those with the given ids.
func (r *Runs) Prune(ctx context.Context, workflowID string, newest int, except []string) error {
	const op = "repositories.Runs.Prune"
	oldest, err := findAll[struct {
		StartedAt time.Time `bson:"started_at"`
	}](ctx, r.coll, op, "runs", ofWorkflow(workflowID),
		options.Find().SetSort(newestRun()).SetSkip(int64(newest)).SetLimit(1).SetProjection(fields("started_at")))
	if err != nil || len(oldest) == 0 {
		return err
	}
	_, err = r.coll.DeleteMany(ctx, append(ofWorkflow(workflowID),
		bson.E{Key: "started_at", Value: bson.D{{Key: "$lte", Value: oldest[0].StartedAt}}},
		bson.E{Key: "status", Value: bson.D{{Key: "$ne", Value: models.RunRunning}}},
		bson.E{Key: "_id", Value: bson.D{{Key: "$nin", Value: append([]string{}, except...)}}}))
	return translate(op, "runs", err)
}

// Bytes returns the size of a workflow's runs that have ended.
func (r *Runs) Bytes(ctx context.Context, workflowID string) (int64, error) {
	return sumBytes(ctx, r.coll, "repositories.Runs.Bytes", workflowID)
}

func sumBytes(ctx context.Context, coll *mongo.Collection, op, workflowID string) (sum int64, err error) {
	docs, err := findAll[struct {
		Bytes int64 `bson:"bytes"`
	}](ctx, coll, op, "bytes", ofWorkflow(workflowID), options.Find().SetProjection(fields("bytes")))
	for _, d := range docs {
		sum += d.Bytes
	}
	return sum, err
}

func newestRun() bson.D { return bson.D{{Key: "started_at", Value: -1}} }
