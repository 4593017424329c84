package workflow

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// retentionInterval is how often space is freed.
	retentionInterval = time.Hour
	// retentionCheck is how often a server looks whether it is its turn.
	retentionCheck = 5 * time.Minute
	// retentionBatch is how many workflows are read at once.
	retentionBatch = 500
)

// retainedWorkflows finds and erases workflows.
type retainedWorkflows interface {
	erasedWorkflows
	BeginErase(ctx context.Context, then time.Time) ([]string, error)
	IDsAfter(ctx context.Context, after string, limit int) ([]string, error)
	SetHistoryBytes(ctx context.Context, id string, n int64) error
	Inventory(ctx context.Context, id string) ([]models.OwnedObject, error)
}

// retainedVersions deletes versions.
type retainedVersions interface {
	workflowPart
	PruneAutomatic(ctx context.Context, workflowID string, newest int, then time.Time, except []int) error
	Bytes(ctx context.Context, workflowID string) (int64, error)
}

// retainedRuns deletes runs.
type retainedRuns interface {
	workflowPart
	Current(ctx context.Context, workflowID string) (ids []string, versions []int, err error)
	Prune(ctx context.Context, workflowID string, newest int, then time.Time, except []string) error
	DropLogs(ctx context.Context, workflowID string, then time.Time) error
	Bytes(ctx context.Context, workflowID string) (int64, error)
}

// tasks decides which server does a periodic task.
type tasks interface {
	Claim(ctx context.Context, task string, now time.Time, interval time.Duration) (bool, error)
}

// Retention erases deleted workflows after a grace time, and deletes old runs and
// automatic versions. Of several servers on one database one does it at a time;
// two at once do no harm.
type Retention struct {
	Workflows retainedWorkflows
	Versions  retainedVersions
	Runs      retainedRuns
	Drifts    workflowPart
	Tasks     tasks
	Log       *slog.Logger
	Now       func() time.Time

	Grace        time.Duration // how long a deleted workflow can be restored
	KeepVersions int           // the newest automatic versions of each workflow; at least 1
	KeepRuns     int           // the newest runs of each workflow; at least 1

	// What is older goes even if there is little of it; 0: age does not matter.
	VersionAge, RunAge, LogAge time.Duration
}

// Run frees space once in retentionInterval until ctx ends.
func (r *Retention) Run(ctx context.Context) error {
	tick := time.NewTicker(retentionCheck)
	defer tick.Stop()
	for {
		if err := r.runOnce(ctx); err != nil && ctx.Err() == nil {
			r.Log.WarnContext(ctx, "space could not be freed; the next round tries again", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (r *Retention) runOnce(ctx context.Context) error {
	mine, err := r.Tasks.Claim(ctx, "retention", models.StoredTime(r.Now()), retentionInterval)
	if err != nil || !mine {
		return err
	}
	return errors.Join(r.erase(ctx), r.prune(ctx))
}

// erase removes the workflows whose grace time is over.
func (r *Retention) erase(ctx context.Context) error {
	ids, err := r.Workflows.BeginErase(ctx, r.Now().Add(-r.Grace))
	if err == nil {
		err = Eraser{r.Workflows, r.Versions, r.Runs, r.Drifts}.erase(ctx, ids...)
	}
	if err == nil && len(ids) > 0 {
		r.Log.InfoContext(ctx, "deleted workflows were erased", "workflows", len(ids))
	}
	return err
}

// prune goes over all workflows. A failure of one does not stop the others.
func (r *Retention) prune(ctx context.Context) error {
	var errs []error
	for last := ""; ctx.Err() == nil; {
		ids, err := r.Workflows.IDsAfter(ctx, last, retentionBatch)
		if err != nil || len(ids) == 0 {
			return errors.Join(append(errs, err)...)
		}
		for _, id := range ids {
			if err := r.pruneOne(ctx, id); err != nil {
				errs = append(errs, err)
			}
		}
		last = ids[len(ids)-1]
	}
	return errors.Join(append(errs, ctx.Err())...)
}

// pruneOne deletes what is old, except a run in progress, the last ones that completed
// and were healthy, and the versions of these and of what is deployed. Then it counts
// what is left.
func (r *Retention) pruneOne(ctx context.Context, id string) error {
	runs, versions, err := r.Runs.Current(ctx, id)
	if err != nil {
		return err
	}
	inventory, err := r.Workflows.Inventory(ctx, id)
	if err != nil {
		return err
	}
	for _, o := range inventory {
		if v := o.Applied.Version; v > 0 && !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
	}
	if err := r.Runs.Prune(ctx, id, r.KeepRuns, r.past(r.RunAge), runs); err != nil {
		return err
	}
	if r.LogAge > 0 {
		if err := r.Runs.DropLogs(ctx, id, r.past(r.LogAge)); err != nil {
			return err
		}
	}
	if err := r.Versions.PruneAutomatic(ctx, id, r.KeepVersions, r.past(r.VersionAge), versions); err != nil {
		return err
	}
	ofRuns, err := r.Runs.Bytes(ctx, id)
	if err != nil {
		return err
	}
	ofVersions, err := r.Versions.Bytes(ctx, id)
	if err != nil {
		return err
	}
	return r.Workflows.SetHistoryBytes(ctx, id, ofRuns+ofVersions)
}

// past is the time so long ago, or the zero time for no age.
func (r *Retention) past(age time.Duration) time.Time {
	if age == 0 {
		return time.Time{}
	}
	return r.Now().Add(-age)
}
