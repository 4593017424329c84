package main

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kubeorch/core/docs"
	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/pkg/egress"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services"
)

// build joins repositories, services and handlers. Reading it top to bottom is
// reading the architecture; buildClusters, buildPeople and buildAdmin are its
// parts.
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

		events   = services.NewSSEBroadcaster()
		known    = s.buildClusters(events, documents)
		clusters = known.clusters
		watchers = services.NewResourceWatcherManager(services.WatcherDeps{
			Workflows: documents, Events: events, Connect: services.WatchThrough(clusters.ConnectionFor), Log: s.log,
		})
		trail    = services.NewAudit(repositories.NewAudit(db), repositories.NewUsers(db), s.log, time.Now)
		executor = services.NewWorkflowExecutor(services.ExecutorDeps{
			Workflows: documents, Runs: runs, Versions: versions, Kinds: s.kinds, Audit: trail,
			Access: known.access, Clusters: clusters, Events: events, Watch: watchers.Watch, Log: s.log,
		}, services.DefaultExecutorOptions())
		workflows = services.NewWorkflows(documents, executor)
	)
	known.access.OnChange(executor.AccessChanged)
	known.access.OnChange(func(context.Context, string) { watchers.AccessChanged() })
	s.parts = &parts{
		connector: known.connector, events: events, watchers: watchers, executor: executor, figures: known.figures,
		recovery: worker{run: services.NewRunRecovery(executor, runs, documents, s.db.Embedded()).Run},
		monitor:  worker{run: known.monitor.Run},
	}
	if err := s.registerMetrics(events, known.connector, known.monitor); err != nil {
		return err
	}
	h := routes.Handlers{
		Health:   handlers.NewHealth(s.log, s.metricsHandler(), s.checks()...),
		Docs:     apiDocs,
		Template: handlers.NewTemplate(s.templates),
		Workflow: handlers.NewWorkflow(workflows),
		Version:  handlers.NewWorkflowVersion(services.NewWorkflowVersions(documents, versions)),
		Run:      handlers.NewRun(services.NewLoggedRuns(executor, known.diary)),
		Audit:    handlers.NewAudit(trail),
		Status:   handlers.NewStatusStream(workflows, handlers.Subscribing(events.Subscribe), watchers, s.log),
	}
	known.addTo(&h, events, s.log)
	sessions := s.buildPeople(&h, known.leaving)
	s.parts.sessions = worker{run: sessions.Run}
	s.engine, err = routes.SetupRouter(routes.Deps{
		Log: s.log, Accounts: sessions, Audit: trail, Metrics: s.metrics, Handlers: h,
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
