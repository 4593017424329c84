package services

import (
	"context"

	"github.com/kubeorch/core/models"
)

// LoggedRuns is WorkflowExecutor with the runs that people start written into
// the logs of the clusters.
type LoggedRuns struct {
	*WorkflowExecutor

	diary clusterDiary
}

// NewLoggedRuns returns runs with a log.
func NewLoggedRuns(runs *WorkflowExecutor, diary clusterDiary) *LoggedRuns {
	return &LoggedRuns{runs, diary}
}

// Run deploys a workflow; see WorkflowExecutor. The entry bears the time at
// which the run began.
func (l *LoggedRuns) Run(ctx context.Context, owner, id string, typed models.TriggerData) (models.Run, error) {
	run, err := l.WorkflowExecutor.Run(ctx, owner, id, typed)
	if err == nil && run.ClusterRef != "" {
		l.diary.Add(ctx, models.ClusterLogEntry{
			ClusterID: run.ClusterRef, Action: models.ClusterLogDeployed, Success: true, Message: "a run of a workflow began",
			Details: map[string]string{"workflow": run.WorkflowID, "run": run.ID}, Timestamp: run.StartedAt,
		})
	}
	return run, err
}
