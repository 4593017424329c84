package app

import (
	"log/slog"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services"
)

// clusterServices are those of clusters and of who may use them.
type clusterServices struct {
	access    *services.ClusterAccess
	connector *kubernetes.Connector
	service   *services.KubernetesClusterService
	shares    *services.ClusterShares
	monitor   *services.ClusterHealthMonitor
	log       *services.ClusterLog
	logReader *services.ClusterLogReader
	metrics   *services.ClusterMetrics
	leaving   services.ClusterLeaving
}

func (s *Server) buildClusters(events *services.SSEBroadcaster, workflows *repositories.Workflows) clusterServices {
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
		log       = services.NewClusterLog(logs, s.log)
	)
	clusters.Tell(services.ClusterNews{news, log})
	return clusterServices{
		access: access, connector: connector, service: clusters,
		shares: services.NewClusterShares(access, shares, defaults, people, news),
		log:    log, logReader: services.NewClusterLogReader(logs, access),
		monitor: services.NewClusterHealthMonitor(services.MonitorDeps{
			Clusters: stored, Checker: clusters, Observer: news, Reach: connector.Reach, Log: s.log,
		}, services.DefaultMonitorOptions()),
		metrics: services.NewClusterMetrics(services.MetricsDeps{
			Clusters: clusters, Connect: services.MeasureThrough(clusters.ConnectionByID), Workflows: workflows, Log: s.log,
		}),
		leaving: services.ClusterLeaving{
			Access: access, Clusters: stored, Shares: shares, Defaults: defaults, Logs: logs, News: news, Forget: connector.Forget,
		},
	}
}

// addTo adds the handlers of clusters to h.
func (c clusterServices) addTo(h *routes.Handlers, events *services.SSEBroadcaster, log *slog.Logger) {
	h.Cluster = handlers.NewCluster(services.NewLoggedClusters(c.service, c.log))
	h.ClusterShare = handlers.NewClusterShare(services.NewLoggedShares(c.shares, c.log))
	h.ClusterLog = handlers.NewClusterLog(c.logReader)
	h.ClusterStream = handlers.NewClusterStream(c.service, handlers.Subscribing(events.Subscribe), log)
	h.ClusterMetrics = handlers.NewClusterMetrics(c.metrics)
	h.Metrics = handlers.NewMetrics(c.metrics)
}
