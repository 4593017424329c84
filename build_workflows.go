package main

import (
	"context"
	"log/slog"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services"
)

// drawnWorkflows is what there is about workflows, their runs and what became
// of them.
type drawnWorkflows struct {
	workflows *services.Workflows
	versions  *services.WorkflowVersions
	executor  *services.WorkflowExecutor
	recovery  *services.RunRecovery
	watchers  *services.ResourceWatcherManager
}

func (s *server) buildWorkflows(
	documents *repositories.Workflows, known knownClusters, events *services.SSEBroadcaster, trail *services.Audit,
) drawnWorkflows {
	var (
		versions = repositories.NewVersions(s.db.Database())
		runs     = repositories.NewRuns(s.db.Database())

		watchers = services.NewResourceWatcherManager(services.WatcherDeps{
			Workflows: documents, Events: events, Connect: services.WatchThrough(known.clusters.ConnectionFor), Log: s.log,
		})
		executor = services.NewWorkflowExecutor(services.ExecutorDeps{
			Workflows: documents, Runs: runs, Versions: versions, Kinds: s.kinds, Audit: trail,
			Access: known.access, Clusters: known.clusters, Events: events, Watch: watchers.Watch, Log: s.log,
		}, services.DefaultExecutorOptions())
	)
	known.access.OnChange(executor.AccessChanged)
	known.access.OnChange(func(context.Context, string) { watchers.AccessChanged() })
	return drawnWorkflows{
		workflows: services.NewWorkflows(documents, executor),
		versions:  services.NewWorkflowVersions(documents, versions),
		executor:  executor,
		recovery:  services.NewRunRecovery(executor, runs, documents, s.db.Embedded()),
		watchers:  watchers,
	}
}

// addTo adds to h what people do with workflows. What they run is written into
// diary.
func (d drawnWorkflows) addTo(h *routes.Handlers, events *services.SSEBroadcaster, diary *services.ClusterLog, log *slog.Logger) {
	h.Workflow = handlers.NewWorkflow(d.workflows)
	h.Version = handlers.NewWorkflowVersion(d.versions)
	h.Run = handlers.NewRun(services.NewLoggedRuns(d.executor, diary))
	h.Status = handlers.NewStatusStream(d.workflows, handlers.AsSubscribe(events.Subscribe), d.watchers, log)
}
