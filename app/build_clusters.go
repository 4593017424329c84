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

// clusterParts are the services about clusters and who may use them.
type clusterParts struct {
	access    *cluster.Access
	connector *kubernetes.Connector
	clusters  *cluster.Service
	shares    *cluster.Shares
	monitor   *cluster.HealthMonitor
	log       *cluster.Log
	logReader *cluster.LogReader
	metrics   *metrics.Service
	removal   cluster.AccountRemoval
}

func (s *Server) buildClusters(broadcaster *stream.Broadcaster, workflows *repositories.Workflows) clusterParts {
	var (
		db       = s.db.Database()
		stored   = repositories.NewClusters(db)
		shares   = repositories.NewClusterShares(db)
		defaults = repositories.NewClusterDefaults(db)
		people   = repositories.NewUsers(db)
		logs     = repositories.NewClusterLogs(db)

		access    = cluster.NewAccess(stored, shares)
		connector = kubernetes.NewConnector(kubernetes.Options{Dial: s.guard().DialContext, AllowHTTP: s.cfg.ClusterHTTP})
		events    = cluster.NewEvents(broadcaster, cluster.SharersOf(shares), s.log)
		log       = cluster.NewLog(logs, s.log)
	)
	deps := cluster.Deps{
		Store: stored, Access: access, Shares: shares, Defaults: defaults, People: people,
		Box: s.box, Connect: connector, Entries: log, Log: s.log,
	}
	deps.Listeners = append(deps.Listeners, events, log)
	clusters := cluster.NewService(deps)
	return clusterParts{
		access: access, connector: connector, clusters: clusters,
		shares: cluster.NewShares(cluster.ShareDeps{
			Access: access, Store: shares, Defaults: defaults, Users: people, Events: events, Entries: log,
		}),
		log: log, logReader: cluster.NewLogReader(logs, access),
		monitor: cluster.NewHealthMonitor(cluster.MonitorDeps{
			Clusters: stored, Checker: clusters, Observer: events, Reach: connector.Reach, Log: s.log,
		}, cluster.DefaultMonitorOptions()),
		metrics: metrics.NewService(metrics.Deps{
			Clusters: clusters, Connect: metrics.MeasureThrough(clusters.ConnectionByID), Workflows: workflows, Log: s.log,
		}),
		removal: cluster.AccountRemoval{
			Access: access, Clusters: stored, Shares: shares, Defaults: defaults, Logs: logs, Events: events, Forget: connector.Forget,
		},
	}
}

// addTo adds the handlers of clusters to h.
func (p clusterParts) addTo(h *routes.Handlers, broadcaster *stream.Broadcaster, log *slog.Logger) {
	h.Cluster = handlers.NewCluster(p.clusters)
	h.ClusterShare = handlers.NewClusterShare(p.shares)
	h.ClusterLog = handlers.NewClusterLog(p.logReader)
	h.ClusterStream = handlers.NewClusterStream(p.clusters, handlers.AsSubscribe(broadcaster.Subscribe), log)
	h.ClusterMetrics = handlers.NewClusterMetrics(p.metrics)
	h.Metrics = handlers.NewMetrics(p.metrics)
}
