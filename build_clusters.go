package main

import (
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services"
)

// clusterParts are what the other parts of the server reach clusters through.
type clusterParts struct {
	stored    *repositories.Clusters
	shares    *repositories.ClusterShares
	users     services.ClusterUsers
	access    *services.ClusterAccess
	connector *kubernetes.Connector
	service   *services.KubernetesClusterService
	news      *services.ClusterEvents
	diary     *services.ClusterLog
}

func (s *server) buildClusters(db *mongo.Database, events *services.SSEBroadcaster) clusterParts {
	var (
		stored    = repositories.NewClusters(db)
		shares    = repositories.NewClusterShares(db)
		access    = services.NewClusterAccess(stored, shares)
		connector = kubernetes.NewConnector(kubernetes.Options{Dial: s.guard().DialContext, AllowHTTP: s.cfg.ClusterHTTP})
		users     = services.ClusterUsers{
			Access: access, Shares: shares, Defaults: repositories.NewClusterDefaults(db), People: repositories.NewUsers(db),
		}
		service = services.NewKubernetesClusterService(stored, users, s.box, connector, s.log)
		news    = services.NewClusterEvents(events, services.SharersOf(shares), s.log)
		diary   = services.NewClusterLog(repositories.NewClusterLogs(db), s.log)
	)
	service.Tell(services.ClusterNews{news, diary})
	return clusterParts{
		stored: stored, shares: shares, users: users, access: access, connector: connector,
		service: service, news: news, diary: diary,
	}
}

// buildMonitor returns what looks after the clusters.
func (s *server) buildMonitor(c clusterParts) *services.ClusterHealthMonitor {
	return services.NewClusterHealthMonitor(services.MonitorDeps{
		Clusters: c.stored, Checker: c.service, Observer: c.news, Log: s.log,
	}, services.DefaultMonitorOptions())
}

// leaving ends what people who go have of clusters.
func (c clusterParts) leaving(db *mongo.Database) services.ClusterLeaving {
	return services.ClusterLeaving{
		Access: c.access, Clusters: c.stored, Shares: c.shares, Defaults: repositories.NewClusterDefaults(db), Forget: c.connector.Forget,
	}
}

// addClusters adds the handlers of clusters and their figures to h.
func (s *server) addClusters(h *routes.Handlers, db *mongo.Database, c clusterParts) {
	shares := services.NewClusterShares(c.access, c.shares, c.users.Defaults, repositories.NewUsers(db), c.news)
	h.Cluster = handlers.NewCluster(services.NewLoggedClusters(c.service, c.diary))
	h.ClusterShare = handlers.NewClusterShare(services.NewLoggedShares(shares, c.diary))
	h.ClusterLog = handlers.NewClusterLog(services.NewClusterLogReader(repositories.NewClusterLogs(db), c.access))
	h.ClusterMetrics = handlers.NewClusterMetrics(s.parts.figures)
	h.Metrics = handlers.NewMetrics(s.parts.figures)
	h.ClusterStream = handlers.NewClusterStream(c.service, handlers.Subscribing(s.parts.events.Subscribe), s.log)
}
