package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services/account"
	"github.com/kubeorch/core/services/audit"
	"github.com/kubeorch/core/services/notification"
	"github.com/kubeorch/core/services/run"
	"github.com/kubeorch/core/services/stream"
	"github.com/kubeorch/core/services/watcher"
	"github.com/kubeorch/core/services/workflow"
)

// workflowServices are those of workflows, their runs and the status of what
// they deploy.
type workflowServices struct {
	workflows *workflow.Service
	versions  *workflow.Versions
	retention *workflow.Retention
	executor  *run.Executor
	recovery  *run.Recovery
	watchers  *watcher.Manager
}

func (s *Server) buildWorkflows(
	documents *repositories.Workflows, clusters clusterServices, events *stream.Broadcaster, notices *notification.Service,
	trail *audit.Trail, place *placement, others peers, drifts driftServices,
) workflowServices {
	var (
		versions = repositories.NewVersions(s.db.Database())
		runs     = repositories.NewRuns(s.db.Database())
		history  = workflow.NewHistory(versions, documents, s.accountLimits())

		watchers = watcher.NewManager(watcher.Deps{
			Workflows: documents, Events: events, Connect: watcher.WatchThrough(clusters.service.ConnectionFor), Log: s.log,
			Drifts: drifts.detector, Sharing: s.sharing(clusters.access, place, others),
		})
		executor = run.NewExecutor(run.Deps{
			Workflows: documents, Runs: runs, Versions: runVersions{versions, history}, Kinds: s.kinds, Audit: trail, Notifier: notices,
			Access: clusters.access, Clusters: clusters.service, Events: runEvents{events, others}, Watch: watchers.Watch,
			Accounts:   account.NewStanding(repositories.NewUsers(s.db.Database()), repositories.NewAPITokens(s.db.Database()), time.Now),
			ClusterLog: clusters.log, Log: s.log, Server: s.session, CancelElsewhere: others.cancel,
		}, run.DefaultOptions())
	)
	clusters.access.OnChange(executor.AccessChanged)
	clusters.access.OnChange(func(context.Context, string) { watchers.AccessChanged(); place.Nudge() })
	return workflowServices{
		workflows: workflow.NewService(documents, executor, clusters.access, workflow.Eraser{Workflows: documents, Versions: versions, Runs: runs, Drifts: drifts.records}, s.accountLimits()),
		versions:  workflow.NewVersions(documents, versions, history),
		retention: &workflow.Retention{
			Workflows: documents, Versions: versions, Runs: runs, Drifts: drifts.records, Tasks: repositories.NewSettings(s.db.Database()), Log: s.log, Now: time.Now,
			Grace: s.cfg.WorkflowGrace, KeepVersions: s.cfg.KeepVersions, KeepRuns: s.cfg.KeepRuns,
			VersionAge: s.cfg.VersionAge(), RunAge: s.cfg.RunAge(), LogAge: s.cfg.RunLogAge(),
		},
		executor: executor,
		recovery: run.NewRecovery(executor, runs, documents),
		watchers: watchers,
	}
}

// runVersions are the versions of runs, added within the limits of their accounts.
type runVersions struct {
	*repositories.Versions

	history workflow.History
}

// Add stores a version.
func (r runVersions) Add(ctx context.Context, v models.Version) (models.Version, error) {
	return r.history.Add(ctx, v)
}

// addTo adds the handlers of workflows to h.
func (w workflowServices) addTo(h *routes.Handlers, events *stream.Broadcaster, log *slog.Logger) {
	h.Workflow = handlers.NewWorkflow(w.workflows, w.watchers)
	h.Version = handlers.NewWorkflowVersion(w.versions)
	h.Run = handlers.NewRun(w.executor)
	h.Plan = handlers.NewPlan(w.executor)
	h.RunStream = handlers.NewRunStream(w.executor, handlers.AsSubscribe(events.Subscribe), log)
	h.Leftover = handlers.NewLeftover(w.executor)
	h.Status = handlers.NewStatusStream(w.workflows, handlers.AsSubscribe(events.Subscribe), w.watchers, log)
}
