package app

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
	"github.com/kubeorch/core/services/audit"
	"github.com/kubeorch/core/services/notification"
	"github.com/kubeorch/core/services/stream"
)

// Build joins repositories, services and handlers. Reading it top to bottom is
// reading the architecture; buildClusters, buildWorkflows and buildPeople are
// its parts.
func (s *Server) Build(context.Context) error {
	apiDocs, err := handlers.NewDocs(docs.OpenAPI)
	if err != nil {
		return err
	}
	var (
		db        = s.db.Database()
		documents = repositories.NewWorkflows(db)
		trail     = audit.NewTrail(repositories.NewAudit(db), repositories.NewUsers(db), s.log, time.Now)
		place     = &placement{}

		events, others = s.buildEvents()

		notices   = notification.NewService(repositories.NewNotifications(db), events, s.log, time.Now)
		clusters  = s.buildClusters(events, notices, documents, place, others)
		drifts    = s.buildDrift(documents, events, notices)
		workflows = s.buildWorkflows(documents, clusters, events, notices, trail, place, others, drifts)
		resources = s.buildResources(clusters, documents, events, trail, place, others)
	)
	place.syncer = resources.syncer
	place.balancer = s.buildBalancer(clusters, workflows.watchers, resources.syncer, others)
	s.background = s.buildBackground(events, others, clusters, workflows, resources, place)
	if err := s.registerMetrics(events, others, clusters.connector, clusters.monitor); err != nil {
		return err
	}
	h := routes.Handlers{
		Health:   handlers.NewHealth(s.log, s.metricsHandler(), s.checks()...),
		Docs:     apiDocs,
		Template: handlers.NewTemplate(s.templates),
		Audit:    handlers.NewAudit(trail),
		Server:   handlers.NewServer(s.directory()),

		Notification: handlers.NewNotification(notices, handlers.AsSubscribe(events.Subscribe), s.log),
		Diagnostics:  s.buildDiagnostics(workflows, clusters),
	}
	clusters.addTo(&h, events, s.log)
	workflows.addTo(&h, events, s.log)
	drifts.join(s, &h, documents, workflows)
	resources.addTo(&h, events, s.log)
	sessions := s.buildPeople(&h, clusters.removal, others)
	s.listenTo(others, hearing{
		sessions: sessions, access: clusters.access, watchers: workflows.watchers, recovery: workflows.recovery,
		executor: workflows.executor, balancer: place.balancer, syncer: resources.syncer,
	})
	s.background.sessions = worker{run: sessions.Run}
	s.bodies = s.bodyLimits()
	s.engine, err = routes.SetupRouter(routes.Deps{
		Log: s.log, Accounts: sessions, Audit: trail, Metrics: s.metrics, Handlers: h,
		CORSOrigins: s.cfg.CORSOrigins, TrustedProxies: s.cfg.TrustedProxies, MaxBody: s.cfg.MaxBody,
		Limits: s.limits(), Bodies: s.bodies,
	})
	return err
}

// buildBackground returns what StartWorkers starts.
func (s *Server) buildBackground(
	events *stream.Broadcaster, others peers, clusters clusterServices, workflows workflowServices, resources resourceServices,
	place *placement,
) *background {
	return &background{
		connector: clusters.connector, events: events, watchers: workflows.watchers, executor: workflows.executor,
		metrics: clusters.metrics, others: others, logs: resources.logs, terminals: resources.terminals,
		balancer:  worker{run: place.balancer.Run},
		relay:     others.worker(),
		recovery:  worker{run: workflows.recovery.Run},
		retention: worker{run: func(ctx context.Context) error { return s.session.While(ctx, "retention", workflows.retention.Run) }},
		monitor:   worker{run: clusters.monitor.Run},
		access:    worker{run: clusters.access.Run},
		resources: worker{run: resources.service.Run},
		syncer:    s.inventoryWorker(resources.syncer),
		sweeper: worker{run: func(ctx context.Context) error {
			return s.session.While(ctx, "inventory sweep", resources.sweeper.Run)
		}},
	}
}

// guard limits where cluster servers may be.
func (s *Server) guard() *egress.Guard {
	e := s.cfg.Egress()
	return egress.New(egress.Options{AllowLoopback: e.Loopback, AllowPrivate: e.Private, Allow: e.Ranges})
}

// checks is what has to work for the server to be of use.
func (s *Server) checks() []handlers.Check {
	return []handlers.Check{
		{Name: "database", Ready: s.db.Ping},
		{Name: "database writes", Ready: newWriteProbe(repositories.NewSettings(s.db.Database()).ProbeWrite, time.Now).ready},
		{Name: "listener", Ready: s.http.errors.ready},
		{Name: "cluster health monitor", Ready: s.background.monitor.alive},
		{Name: "run recovery", Ready: s.background.recovery.alive},
		{Name: "retention", Ready: s.background.retention.alive},
	}
}

// metricsHandler serves the metrics on the main port, or nil where they have a
// listener of their own.
func (s *Server) metricsHandler() http.Handler {
	if s.cfg.MetricsListen != "" {
		return nil
	}
	return promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{})
}
