package app

import (
	"log/slog"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services/cluster"
	"github.com/kubeorch/core/services/metrics"
	"github.com/kubeorch/core/services/notification"
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
	removal   cluster.AccountRemoval
}

func (s *Server) buildClusters(
	broadcaster *stream.Broadcaster, notices *notification.Service, workflows *repositories.Workflows, place *placement, others peers,
) clusterServices {
	var (
		db       = s.db.Database()
		stored   = repositories.NewClusters(db)
		shares   = repositories.NewClusterShares(db)
		defaults = repositories.NewClusterDefaults(db)
		people   = repositories.NewUsers(db)
		logs     = repositories.NewClusterLogs(db)

		sharers   = cluster.SharersOf(shares)
		access    = cluster.NewAccess(cluster.AccessDeps{Clusters: stored, Shares: shares, Peers: others, Log: s.log})
		connector = kubernetes.NewConnector(kubernetes.Options{Dial: s.guard().DialContext, AllowHTTP: s.cfg.ClusterHTTP})
		events    = cluster.NewEvents(broadcaster, sharers, s.log)
		log       = cluster.NewLog(logs, s.log)
	)
	clusters := cluster.NewService(cluster.Deps{
		Store: stored, Access: access, Shares: shares, Defaults: defaults, Workflows: workflows, People: people,
		Box: s.box, Connect: connector, Entries: log, Log: s.log,
		Listeners:   cluster.Listeners{events, log, notification.NewClusters(notices, sharers)},
		MaxClusters: s.cfg.MaxClusters, Claim: s.claim, Added: place.added(others),
	})
	return clusterServices{
		access: access, connector: connector, service: clusters,
		shares: cluster.NewShares(cluster.ShareDeps{
			Access: access, Store: shares, Defaults: defaults, Users: people, Events: events, Entries: log,
		}),
		log: log, logReader: cluster.NewLogReader(logs, access),
		monitor: cluster.NewHealthMonitor(cluster.MonitorDeps{
			Clusters: stored, Checker: clusters, Reach: connector.Reach, Log: s.log, Placement: place,
		}, cluster.DefaultMonitorOptions()),
		metrics: metrics.NewService(metrics.Deps{
			Clusters: clusters, Connect: metrics.MeasureThrough(clusters.ConnectionByID), Workflows: workflows, Log: s.log,
		}),
		removal: cluster.AccountRemoval{
			Access: access, Clusters: stored, Shares: shares, Defaults: defaults, Logs: logs, Events: events,
		},
	}
}

// addTo adds the handlers of clusters to h.
func (c clusterServices) addTo(h *routes.Handlers, broadcaster *stream.Broadcaster, log *slog.Logger) {
	h.Cluster = handlers.NewCluster(c.service)
	h.ClusterShare = handlers.NewClusterShare(c.shares)
	h.ClusterLog = handlers.NewClusterLog(c.logReader)
	h.ClusterStream = handlers.NewClusterStream(c.service, handlers.AsSubscribe(broadcaster.Subscribe), log)
	h.ClusterMetrics = handlers.NewClusterMetrics(c.metrics)
	h.Metrics = handlers.NewMetrics(c.metrics)
}
