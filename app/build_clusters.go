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

// knownClusters is what there is about clusters and who may use them.
type knownClusters struct {
	access    *cluster.Access
	connector *kubernetes.Connector
	clusters  *cluster.Service
	shares    *cluster.Shares
	monitor   *cluster.HealthMonitor
	diary     *cluster.Log
	entries   *cluster.LogReader
	figures   *metrics.Service
	leaving   cluster.Leaving
}

func (s *Server) buildClusters(events *stream.Broadcaster, workflows *repositories.Workflows) knownClusters {
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
		diary     = cluster.NewLog(logs, s.log)
	)
	clusters.Tell(cluster.AllNews{news, diary})
	return knownClusters{
		access: access, connector: connector, clusters: clusters,
		shares: cluster.NewShares(access, shares, defaults, people, news),
		diary:  diary, entries: cluster.NewLogReader(logs, access),
		monitor: cluster.NewHealthMonitor(cluster.MonitorDeps{
			Clusters: stored, Checker: clusters, Observer: news, Reach: connector.Reach, Log: s.log,
		}, cluster.DefaultMonitorOptions()),
		figures: metrics.NewService(metrics.Deps{
			Clusters: clusters, Connect: metrics.MeasureThrough(clusters.ConnectionByID), Workflows: workflows, Log: s.log,
		}),
		leaving: cluster.Leaving{
			Access: access, Clusters: stored, Shares: shares, Defaults: defaults, Logs: logs, News: news, Forget: connector.Forget,
		},
	}
}

// addTo adds to h what people do with clusters and learn of them.
func (k knownClusters) addTo(h *routes.Handlers, events *stream.Broadcaster, log *slog.Logger) {
	h.Cluster = handlers.NewCluster(cluster.NewLoggedService(k.clusters, k.diary))
	h.ClusterShare = handlers.NewClusterShare(cluster.NewLoggedShares(k.shares, k.diary))
	h.ClusterLog = handlers.NewClusterLog(k.entries)
	h.ClusterStream = handlers.NewClusterStream(k.clusters, handlers.AsSubscribe(events.Subscribe), log)
	h.ClusterMetrics = handlers.NewClusterMetrics(k.figures)
	h.Metrics = handlers.NewMetrics(k.figures)
}
