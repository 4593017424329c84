package run

import (
	"context"

	"github.com/kubeorch/core/models"
)

// diary writes down what is done with clusters.
type diary interface {
	Add(ctx context.Context, e models.ClusterLogEntry)
}

// LoggedExecutor is Executor with the runs that people start written into
// the logs of the clusters.
type LoggedExecutor struct {
	*Executor

	diary diary
}

// NewLoggedExecutor returns runs with a log.
func NewLoggedExecutor(runs *Executor, diary diary) *LoggedExecutor {
	return &LoggedExecutor{runs, diary}
}

// Run deploys a workflow; see Executor. The entry bears the time at
// which the run began.
func (l *LoggedExecutor) Run(ctx context.Context, owner, id string, typed models.TriggerData) (models.Run, error) {
	run, err := l.Executor.Run(ctx, owner, id, typed)
	if err == nil && run.ClusterRef != "" {
		l.diary.Add(ctx, models.ClusterLogEntry{
			ClusterID: run.ClusterRef, Action: models.ClusterLogDeployed, Success: true, Message: "a run of a workflow began",
			Details: map[string]string{"workflow": run.WorkflowID, "run": run.ID}, Timestamp: run.StartedAt,
		})
	}
	return run, err
}
