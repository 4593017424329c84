package main

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kubeorch/core/docs"
	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/pkg/egress"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services"
)

// build joins repositories, services and handlers. Reading it top to bottom is
// reading the architecture.
func (s *server) build(context.Context) error {
	apiDocs, err := handlers.NewDocs(docs.OpenAPI)
	if err != nil {
		return err
	}
	var (
		db        = s.db.Database()
		documents = repositories.NewWorkflows(db)
		versions  = repositories.NewVersions(db)
		runs      = repositories.NewRuns(db)

		stored = repositories.NewClusters(db)
		shares = repositories.NewClusterShares(db)
		access = services.NewClusterAccess(stored, shares)

		events    = services.NewSSEBroadcaster()
		connector = kubernetes.NewConnector(kubernetes.Options{Dial: s.guard().DialContext, AllowHTTP: s.cfg.ClusterHTTP})
		users     = services.ClusterUsers{
			Access: access, Shares: shares, Defaults: repositories.NewClusterDefaults(db), People: repositories.NewUsers(db),
		}
		clusters = services.NewKubernetesClusterService(stored, users, s.box, connector, s.log)
		watchers = services.NewResourceWatcherManager(services.WatcherDeps{
			Workflows: documents, Events: events, Connect: services.WatchThrough(clusters.ConnectionFor), Log: s.log,
		})
		trail    = services.NewAudit(repositories.NewAudit(db), repositories.NewUsers(db), s.log, time.Now)
		executor = services.NewWorkflowExecutor(services.ExecutorDeps{
			Workflows: documents, Runs: runs, Versions: versions, Kinds: s.kinds, Audit: trail,
			Access: access, Clusters: clusters, Events: events, Watch: watchers.Watch, Log: s.log,
		}, services.DefaultExecutorOptions())
		workflows = services.NewWorkflows(documents, executor)
		news      = services.NewClusterEvents(events, services.SharersOf(shares), s.log)
		monitor   = s.buildMonitor(stored, clusters, news)
		diary     = services.NewClusterLog(repositories.NewClusterLogs(db), s.log)
		figures   = services.NewClusterMetrics(services.MetricsDeps{
			Clusters: clusters, Connect: services.MeasureThrough(clusters.ConnectionByID), Workflows: documents, Log: s.log,
		})
	)
	leaving := services.ClusterLeaving{
		Access: access, Clusters: stored, Shares: shares, Defaults: repositories.NewClusterDefaults(db), Forget: connector.Forget,
	}
	clusters.Tell(services.ClusterNews{news, diary})
	access.OnChange(executor.AccessChanged)
	access.OnChange(func(context.Context, string) { watchers.AccessChanged() })
	s.parts = &parts{
		connector: connector, events: events, watchers: watchers, executor: executor, figures: figures,
		recovery: worker{run: services.NewRunRecovery(executor, runs, documents, s.db.Embedded()).Run},
		monitor:  worker{run: monitor.Run},
	}
	if err := s.registerMetrics(events, connector, monitor); err != nil {
		return err
	}
	h := routes.Handlers{
		Health:   handlers.NewHealth(s.log, s.metricsHandler(), s.checks()...),
		Docs:     apiDocs,
		Template: handlers.NewTemplate(s.templates),
		Cluster:  handlers.NewCluster(services.NewLoggedClusters(clusters, diary)),

		ClusterShare: handlers.NewClusterShare(services.NewLoggedShares(
			services.NewClusterShares(access, shares, users.Defaults, repositories.NewUsers(db), news), diary)),
		ClusterLog: handlers.NewClusterLog(services.NewClusterLogReader(repositories.NewClusterLogs(db), access)),

		Workflow: handlers.NewWorkflow(workflows),
		Version:  handlers.NewWorkflowVersion(services.NewWorkflowVersions(documents, versions)),
		Run:      handlers.NewRun(services.NewLoggedRuns(executor, diary)),
		Audit:    handlers.NewAudit(trail),
		Status:   handlers.NewStatusStream(workflows, handlers.Subscribing(events.Subscribe), watchers, s.log),
	}
	s.addFigures(&h, clusters)
	s.engine, err = routes.SetupRouter(routes.Deps{
		Log: s.log, Accounts: s.buildPeople(&h, leaving), Audit: trail, Metrics: s.metrics, Handlers: h,
		CORSOrigins: s.cfg.CORSOrigins, TrustedProxies: s.cfg.TrustedProxies, MaxBody: s.cfg.MaxBody,
		Limits: s.limits(),
	})
	return err
}

// guard limits where cluster servers may be.
func (s *server) guard() *egress.Guard {
	e := s.cfg.Egress
	return egress.New(egress.Options{AllowLoopback: e.Loopback, AllowPrivate: e.Private, Allow: e.Ranges})
}

// checks is what has to work for the server to be of use.
func (s *server) checks() []handlers.Check {
	return []handlers.Check{
		{Name: "database", Ready: s.db.Ping},
		{Name: "cluster health monitor", Ready: s.parts.monitor.alive},
		{Name: "run recovery", Ready: s.parts.recovery.alive},
	}
}

// metricsHandler serves the metrics on the main port, or nil where they have a
// listener of their own.
func (s *server) metricsHandler() http.Handler {
	if s.cfg.MetricsListen != "" {
		return nil
	}
	return promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{})
}
