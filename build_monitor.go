package main

import (
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services"
)

// buildMonitor returns what looks after the clusters and tells people's
// streams of their states.
func (s *server) buildMonitor(
	stored *repositories.Clusters, shares *repositories.ClusterShares,
	clusters *services.KubernetesClusterService, events *services.SSEBroadcaster,
) *services.ClusterHealthMonitor {
	news := services.NewClusterEvents(events, services.SharersOf(shares), s.log)
	clusters.Tell(news)
	return services.NewClusterHealthMonitor(services.MonitorDeps{
		Clusters: stored, Checker: clusters, Observer: news, Log: s.log,
	}, services.DefaultMonitorOptions())
}
