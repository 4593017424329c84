package app

import (
	"log/slog"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services/cluster"
	"github.com/kubeorch/core/services/metrics"
	"github.com/kubeorch/core/services/stream"
)

// clusterServices are those of clusters and of who may use them.
type clusterServices struct {
	access    *cluster.Access
	connector *kubernetes.Connector
	service   *cluster.Service
	shares    *cluster.Shares
	monitor   *cluster.HealthMonitor
	log       *cluster.Log
	logReader *cluster.LogReader
	metrics   *metrics.Service
	leaving   cluster.Leaving
}

func (s *Server) buildClusters(events *stream.Broadcaster, workflows *repositories.Workflows) clusterServices {
	var (
		db       = s.db.Database()
		stored   = repositories.NewClusters(db)
		shares   = repositories.NewClusterShares(db)
		defaults = repositories.NewClusterDefaults(db)
		people   = repositories.NewUsers(db)
		logs     = repositories.NewClusterLogs(db)

		access    = cluster.NewAccess(stored, shares)
		connector = kubernetes.NewConnector(kubernetes.Options{Dial: s.guard().DialContext, AllowHTTP: s.cfg.ClusterHTTP})
		users     = cluster.Users{Access: access, Shares: shares, Defaults: defaults, People: people}
		clusters  = cluster.NewService(stored, users, s.box, connector, s.log)
		news      = cluster.NewEvents(events, cluster.SharersOf(shares), s.log)
		log       = cluster.NewLog(logs, s.log)
	)
	clusters.Tell(cluster.AllNews{news, log})
	return clusterServices{
		access: access, connector: connector, service: clusters,
		shares: cluster.NewShares(access, shares, defaults, people, news),
		log:    log, logReader: cluster.NewLogReader(logs, access),
		monitor: cluster.NewHealthMonitor(cluster.MonitorDeps{
			Clusters: stored, Checker: clusters, Observer: news, Reach: connector.Reach, Log: s.log,
		}, cluster.DefaultMonitorOptions()),
		metrics: metrics.NewService(metrics.Deps{
			Clusters: clusters, Connect: metrics.MeasureThrough(clusters.ConnectionByID), Workflows: workflows, Log: s.log,
		}),
		leaving: cluster.Leaving{
			Access: access, Clusters: stored, Shares: shares, Defaults: defaults, Logs: logs, News: news, Forget: connector.Forget,
		},
	}
}

// addTo adds the handlers of clusters to h.
func (c clusterServices) addTo(h *routes.Handlers, events *stream.Broadcaster, log *slog.Logger) {
	h.Cluster = handlers.NewCluster(cluster.NewLoggedService(c.service, c.log))
	h.ClusterShare = handlers.NewClusterShare(cluster.NewLoggedShares(c.shares, c.log))
	h.ClusterLog = handlers.NewClusterLog(c.logReader)
	h.ClusterStream = handlers.NewClusterStream(c.service, handlers.AsSubscribe(events.Subscribe), log)
	h.ClusterMetrics = handlers.NewClusterMetrics(c.metrics)
	h.Metrics = handlers.NewMetrics(c.metrics)
}
