package main

import (
	"log/slog"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services"
)

// knownClusters is what there is about clusters and who may use them.
type knownClusters struct {
	access    *services.ClusterAccess
	connector *kubernetes.Connector
	clusters  *services.KubernetesClusterService
	shares    *services.ClusterShares
	monitor   *services.ClusterHealthMonitor
	diary     *services.ClusterLog
	entries   *services.ClusterLogReader
	figures   *services.ClusterMetrics
	leaving   services.ClusterLeaving
}

func (s *server) buildClusters(events *services.SSEBroadcaster, workflows *repositories.Workflows) knownClusters {
	var (
		db       = s.db.Database()
		stored   = repositories.NewClusters(db)
		shares   = repositories.NewClusterShares(db)
		defaults = repositories.NewClusterDefaults(db)
		people   = repositories.NewUsers(db)
		logs     = repositories.NewClusterLogs(db)

		access    = services.NewClusterAccess(stored, shares)
		connector = kubernetes.NewConnector(kubernetes.Options{Dial: s.guard().DialContext, AllowHTTP: s.cfg.ClusterHTTP})
		users     = services.ClusterUsers{Access: access, Shares: shares, Defaults: defaults, People: people}
		clusters  = services.NewKubernetesClusterService(stored, users, s.box, connector, s.log)
		news      = services.NewClusterEvents(events, services.SharersOf(shares), s.log)
		diary     = services.NewClusterLog(logs, s.log)
	)
	clusters.Tell(services.ClusterNews{news, diary})
	return knownClusters{
		access: access, connector: connector, clusters: clusters,
		shares: services.NewClusterShares(access, shares, defaults, people, news),
		diary:  diary, entries: services.NewClusterLogReader(logs, access),
		monitor: services.NewClusterHealthMonitor(services.MonitorDeps{
			Clusters: stored, Checker: clusters, Observer: news, Reach: connector.Reach, Log: s.log,
		}, services.DefaultMonitorOptions()),
		figures: services.NewClusterMetrics(services.MetricsDeps{
			Clusters: clusters, Connect: services.MeasureThrough(clusters.ConnectionByID), Workflows: workflows, Log: s.log,
		}),
		leaving: services.ClusterLeaving{
			Access: access, Clusters: stored, Shares: shares, Defaults: defaults, Logs: logs, News: news, Forget: connector.Forget,
		},
	}
}

// addTo adds to h what people do with clusters and learn of them.
func (k knownClusters) addTo(h *routes.Handlers, events *services.SSEBroadcaster, log *slog.Logger) {
	h.Cluster = handlers.NewCluster(services.NewLoggedClusters(k.clusters, k.diary))
	h.ClusterShare = handlers.NewClusterShare(services.NewLoggedShares(k.shares, k.diary))
	h.ClusterLog = handlers.NewClusterLog(k.entries)
	h.ClusterStream = handlers.NewClusterStream(k.clusters, handlers.AsSubscribe(events.Subscribe), log)
	h.ClusterMetrics = handlers.NewClusterMetrics(k.figures)
	h.Metrics = handlers.NewMetrics(k.figures)
}
