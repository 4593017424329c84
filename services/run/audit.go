package run

import (
	"context"
	"strconv"

	"github.com/kubeorch/core/models"
)

// trail keeps how runs ended. Whoever started one may have left by then.
type trail interface {
	Record(ctx context.Context, e models.AuditEntry)
}

// noteRun adds to the audit entry of the request that started a run, which
// uses the stored credentials of a cluster.
func noteRun(ctx context.Context, run models.Run) {
	models.NoteForAudit(ctx, "cluster", run.Cluster)
	models.NoteForAudit(ctx, "run", run.ID)
}

// recordEnd records how a run ended, in the name of whoever started it.
func (e *Executor) recordEnd(ctx context.Context, s *session, status string) {
	if e.deps.Audit == nil {
		return
	}
	outcome := models.AuditFailed
	if status == models.RunCompleted {
		outcome = models.AuditSuccess
	}
	details := map[string]string{"cluster": s.run.Cluster, "kind": s.run.Action, "result": status}
	if version := s.snapshot().Version; version > 0 {
		details["version"] = strconv.Itoa(version)
	}
	e.deps.Audit.Record(ctx, models.AuditEntry{
		ActorID: s.run.TriggerData.UserID, Action: "run.end", Outcome: outcome,
		Target: map[string]string{"id": s.run.WorkflowID, "runId": s.run.ID}, Details: details,
	})
}
