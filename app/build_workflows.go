package app

import (
	"context"
	"log/slog"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services"
)

// workflowServices are those of workflows, their runs and the status of what
// they deploy.
type workflowServices struct {
	workflows *services.Workflows
	versions  *services.WorkflowVersions
	executor  *services.WorkflowExecutor
	recovery  *services.RunRecovery
	watchers  *services.ResourceWatcherManager
}

func (s *Server) buildWorkflows(
	documents *repositories.Workflows, clusters clusterServices, events *services.SSEBroadcaster, trail *services.Audit,
) workflowServices {
	var (
		versions = repositories.NewVersions(s.db.Database())
		runs     = repositories.NewRuns(s.db.Database())

		watchers = services.NewResourceWatcherManager(services.WatcherDeps{
			Workflows: documents, Events: events, Connect: services.WatchThrough(clusters.service.ConnectionFor), Log: s.log,
		})
		executor = services.NewWorkflowExecutor(services.ExecutorDeps{
			Workflows: documents, Runs: runs, Versions: versions, Kinds: s.kinds, Audit: trail,
			Access: clusters.access, Clusters: clusters.service, Events: events, Watch: watchers.Watch, Log: s.log,
		}, services.DefaultExecutorOptions())
	)
	clusters.access.OnChange(executor.AccessChanged)
	clusters.access.OnChange(func(context.Context, string) { watchers.AccessChanged() })
	return workflowServices{
		workflows: services.NewWorkflows(documents, executor),
		versions:  services.NewWorkflowVersions(documents, versions),
		executor:  executor,
		recovery:  services.NewRunRecovery(executor, runs, documents, s.db.Embedded()),
		watchers:  watchers,
	}
}

// addTo adds the handlers of workflows to h. Runs are entered into clusterLog.
func (w workflowServices) addTo(h *routes.Handlers, events *services.SSEBroadcaster, clusterLog *services.ClusterLog, log *slog.Logger) {
	h.Workflow = handlers.NewWorkflow(w.workflows)
	h.Version = handlers.NewWorkflowVersion(w.versions)
	h.Run = handlers.NewRun(services.NewLoggedRuns(w.executor, clusterLog))
	h.Status = handlers.NewStatusStream(w.workflows, handlers.Subscribing(events.Subscribe), w.watchers, log)
}
