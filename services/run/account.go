package run

import (
	"context"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kubeorch/core/models"
)

// auditTrail keeps how runs ended. An entry whose id it has already is not kept again.
type auditTrail interface {
	Record(ctx context.Context, e models.AuditEntry)
}

// notifier tells the owner of a workflow how its runs end, once for each.
type notifier interface {
	RunEnded(ctx context.Context, r models.Run, workflowName string) error
}

// accountTime bounds account.
const accountTime = 30 * time.Second

// account counts a run that has ended, records its end, and tells it to the owner and
// to the readers of its stream. It may be called again, also by another server: what
// was done is not done twice. A server that dies in between leaves it to Recovery.
func (e *Executor) account(ctx context.Context, run models.Run, workflow string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), accountTime)
	defer cancel()
	var group errgroup.Group
	group.Go(func() error { e.recordEnd(ctx, run); return nil })
	// A run that began nothing has not been counted at its start, either.
	if run.Action == models.RunDeploy && run.Version > 0 {
		group.Go(func() error {
			return whileAway(ctx, func() error {
				return e.deps.Workflows.CountResult(ctx, run.WorkflowID, run.ID, run.Status == models.RunCompleted)
			})
		})
		group.Go(func() error {
			return whileAway(ctx, func() error {
				return e.deps.Versions.SetRunStatus(ctx, run.WorkflowID, run.Version, versionStatus(run.Status))
			})
		})
	}
	// Whoever has drift corrected tells of it.
	if e.deps.Notifier != nil && run.Action != models.RunCorrect {
		group.Go(func() error {
			return whileAway(ctx, func() error { return e.deps.Notifier.RunEnded(ctx, run, workflow) })
		})
	}
	err := group.Wait()
	e.tell(ctx, run.ID, models.EventComplete, run.End())
	if err != nil {
		return err
	}
	return whileAway(ctx, func() error { return e.deps.Runs.Settle(ctx, run.ID) })
}

// versionStatus maps to the fewer states that a version can have.
func versionStatus(run string) string {
	if run == models.RunCompleted {
		return run
	}
	return models.RunFailed
}

// recordEnd records how a run ended, in the name of the user who started it.
func (e *Executor) recordEnd(ctx context.Context, run models.Run) {
	if e.deps.Audit == nil {
		return
	}
	outcome := models.AuditFailed
	if run.Status == models.RunCompleted {
		outcome = models.AuditSuccess
	}
	details := map[string]string{"cluster": run.Cluster, "kind": run.Action, "result": run.Status}
	if run.Version > 0 {
		details["version"] = strconv.Itoa(run.Version)
	}
	if run.RolledBackTo > 0 {
		details["rolled_back_to"] = strconv.Itoa(run.RolledBackTo)
	}
	e.deps.Audit.Record(ctx, models.AuditEntry{
		ID: run.ID, ActorID: run.TriggerData.UserID, Action: "run.end", Outcome: outcome,
		Target: map[string]string{"id": run.WorkflowID, "runId": run.ID}, Details: details,
	})
}
