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

// PruneAutomatic deletes the versions that runs took and nobody gave a name or tag: all
// but the newest, as many as newest says, and those from before then, unless that is
// zero. Those with the given numbers stay, and so does the newest version of all, since
// its number would be given again.
func (r *Versions) PruneAutomatic(ctx context.Context, workflowID string, newest int, then time.Time, except []int) error {
	const op = "repositories.Versions.PruneAutomatic"
	unnamed := bson.D{{Key: "$in", Value: bson.A{nil, ""}}}
	automatic := append(ofWorkflow(workflowID), bson.E{Key: "is_automatic", Value: true},
		bson.E{Key: "name", Value: unnamed}, bson.E{Key: "tag", Value: unnamed})
	oldest, err := findAll[struct {
		Number int `bson:"version"`
	}](ctx, r.coll, op, "versions", automatic,
		options.Find().SetSort(newestVersion()).SetSkip(int64(newest)).SetLimit(1).SetProjection(fields("version")))
	if err != nil {
		return err
	}
	old := before("created_at", then)
	if len(oldest) > 0 {
		old = append(old, bson.D{{Key: "version", Value: bson.D{{Key: "$lte", Value: oldest[0].Number}}}})
	}
	if len(old) == 0 {
		return nil
	}
	last, err := r.last(ctx, workflowID)
	if err == nil {
		_, err = r.coll.DeleteMany(ctx, append(automatic, bson.E{Key: "$or", Value: old},
			bson.E{Key: "version", Value: bson.D{{Key: "$nin", Value: append([]int{last}, except...)}}}))
	}
	return translate(op, "versions", err)
}

// before matches documents from before then; nothing for the zero time.
func before(field string, then time.Time) (conditions bson.A) {
	if !then.IsZero() {
		conditions = bson.A{bson.D{{Key: field, Value: bson.D{{Key: "$lt", Value: then}}}}}
	}
	return conditions
}

// Bytes returns the size of a workflow's versions.
func (r *Versions) Bytes(ctx context.Context, workflowID string) (int64, error) {
	return sumBytes(ctx, r.coll, "repositories.Versions.Bytes", workflowID)
}

// Current returns the ids and versions of the runs that matter for the present state
// of a workflow: one in progress, the last one that completed, and the last one that
// completed when all was healthy.
func (r *Runs) Current(ctx context.Context, workflowID string) (ids []string, versions []int, err error) {
	completed := bson.D{{Key: "status", Value: models.RunCompleted}, {Key: "action", Value: models.RunDeploy}}
	for _, filter := range []bson.D{
		{{Key: "status", Value: models.RunRunning}},
		completed,
		append(completed[:2:2], bson.E{Key: "wait_seconds", Value: bson.D{{Key: "$gt", Value: 0}}}),
	} {
		docs, err := findAll[models.Run](ctx, r.coll, "repositories.Runs.Current", "runs", append(ofWorkflow(workflowID), filter...),
			options.Find().SetSort(newestRun()).SetLimit(1).SetProjection(fields("version")))
		if err != nil {
			return nil, nil, err
		}
		for _, d := range docs {
			ids, versions = append(ids, d.ID), append(versions, d.Version)
		}
	}
	return ids, versions, nil
}

// Prune deletes the runs of a workflow that have ended: all but the newest, as many as
// newest says, and those from before then, unless that is zero. Those with the given ids
// stay.
func (r *Runs) Prune(ctx context.Context, workflowID string, newest int, then time.Time, except []string) error {
	const op = "repositories.Runs.Prune"
	oldest, err := findAll[struct {
		StartedAt time.Time `bson:"started_at"`
	}](ctx, r.coll, op, "runs", ofWorkflow(workflowID),
		options.Find().SetSort(newestRun()).SetSkip(int64(newest)).SetLimit(1).SetProjection(fields("started_at")))
	if err != nil {
		return err
	}
	old := before("started_at", then)
	if len(oldest) > 0 {
		old = append(old, bson.D{{Key: "started_at", Value: bson.D{{Key: "$lte", Value: oldest[0].StartedAt}}}})
	}
	if len(old) == 0 {
		return nil
	}
	_, err = r.coll.DeleteMany(ctx, append(ended(workflowID), bson.E{Key: "$or", Value: old},
		bson.E{Key: "_id", Value: bson.D{{Key: "$nin", Value: append([]string{}, except...)}}}))
	return translate(op, "runs", err)
}

// ended matches the runs of a workflow that have ended and are counted.
func ended(workflowID string) bson.D {
	return append(ofWorkflow(workflowID), bson.E{Key: "status", Value: bson.D{{Key: "$ne", Value: models.RunRunning}}},
		bson.E{Key: "unsettled", Value: nil})
}

// DropLogs empties the logs of a workflow's runs from before then.
func (r *Runs) DropLogs(ctx context.Context, workflowID string, then time.Time) error {
	const op = "repositories.Runs.DropLogs"
	cur, err := r.coll.Find(ctx, append(ended(workflowID), bson.E{Key: "started_at", Value: bson.D{{Key: "$lt", Value: then}}},
		bson.E{Key: "logs", Value: bson.D{{Key: "$ne", Value: bson.A{}}}}),
		options.Find().SetProjection(fields("logs")).SetBatchSize(10))
	if err != nil {
		return translate(op, "runs", err)
	}
	for err == nil && cur.Next(ctx) {
		size := len(cur.Current.Lookup("logs").Value)
		_, err = r.coll.UpdateOne(ctx, bson.D{{Key: "_id", Value: cur.Current.Lookup("_id")}}, bson.D{
			{Key: "$set", Value: bson.D{{Key: "logs", Value: bson.A{}}}}, {Key: "$inc", Value: bson.D{{Key: "bytes", Value: -size}}},
		})
	}
	return translate(op, "runs", errors.Join(err, cur.Err(), cur.Close(ctx)))
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
