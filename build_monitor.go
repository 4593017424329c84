package main

import (
	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services"
)

// buildMonitor returns what looks after the clusters. news compares what it
// reads with what was told before.
func (s *server) buildMonitor(
	stored *repositories.Clusters, clusters *services.KubernetesClusterService, news *services.ClusterEvents,
) *services.ClusterHealthMonitor {
	return services.NewClusterHealthMonitor(services.MonitorDeps{
		Clusters: stored, Checker: clusters, Observer: news, Log: s.log,
	}, services.DefaultMonitorOptions())
}

// addFigures adds to h what tells how clusters are doing.
func (s *server) addFigures(h *routes.Handlers, clusters *services.KubernetesClusterService) {
	h.ClusterMetrics = handlers.NewClusterMetrics(s.parts.figures)
	h.Metrics = handlers.NewMetrics(s.parts.figures)
	h.ClusterStream = handlers.NewClusterStream(clusters, handlers.Subscribing(s.parts.events.Subscribe), s.log)
}
