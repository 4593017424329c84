package app

import (
	"context"
	"log/slog"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services/audit"
	"github.com/kubeorch/core/services/cluster"
	"github.com/kubeorch/core/services/run"
	"github.com/kubeorch/core/services/stream"
	"github.com/kubeorch/core/services/watcher"
	"github.com/kubeorch/core/services/workflow"
)

// drawnWorkflows is what there is about workflows, their runs and what became
// of them.
type drawnWorkflows struct {
	workflows *workflow.Service
	versions  *workflow.Versions
	executor  *run.Executor
	recovery  *run.Recovery
	watchers  *watcher.Manager
}

func (s *Server) buildWorkflows(
	documents *repositories.Workflows, clusters clusterParts, events *stream.Broadcaster, trail *audit.Trail,
) drawnWorkflows {
	var (
		versions = repositories.NewVersions(s.db.Database())
		runs     = repositories.NewRuns(s.db.Database())

		watchers = watcher.NewManager(watcher.Deps{
			Workflows: documents, Events: events, Connect: watcher.WatchThrough(clusters.clusters.ConnectionFor), Log: s.log,
		})
		executor = run.NewExecutor(run.Deps{
			Workflows: documents, Runs: runs, Versions: versions, Kinds: s.kinds, Audit: trail,
			Access: clusters.access, Clusters: clusters.clusters, Events: events, Watch: watchers.Watch, Log: s.log,
		}, run.DefaultOptions())
	)
	clusters.access.OnChange(executor.AccessChanged)
	clusters.access.OnChange(func(context.Context, string) { watchers.AccessChanged() })
	return drawnWorkflows{
		workflows: workflow.NewService(documents, executor),
		versions:  workflow.NewVersions(documents, versions),
		executor:  executor,
		recovery:  run.NewRecovery(executor, runs, documents, s.db.Embedded()),
		watchers:  watchers,
	}
}

// addTo adds the handlers of workflows to h. Runs are written into clusterLog.
func (d drawnWorkflows) addTo(h *routes.Handlers, events *stream.Broadcaster, clusterLog *cluster.Log, log *slog.Logger) {
	h.Workflow = handlers.NewWorkflow(d.workflows)
	h.Version = handlers.NewWorkflowVersion(d.versions)
	h.Run = handlers.NewRun(run.NewLoggedExecutor(d.executor, clusterLog))
	h.Status = handlers.NewStatusStream(d.workflows, handlers.AsSubscribe(events.Subscribe), d.watchers, log)
}
