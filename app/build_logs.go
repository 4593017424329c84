package app

import (
	"context"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services/podlog"
)

// heldResources finds the objects whose logs are read.
type heldResources interface {
	Hold(ctx context.Context, userID, id string, action models.ClusterAction) (models.Resource, context.Context, context.CancelFunc, error)
	Pods(ctx context.Context, userID, id string) ([]models.Resource, error)
}

// buildLogs adds the handler of logs to h. The manager must be started, and stopped
// with the streams.
func (s *Server) buildLogs(h *routes.Handlers, resources heldResources, clusters clusterServices) *podlog.Manager {
	logs := podlog.NewManager(podlog.Deps{
		Resources: resources, Connect: podlog.LogsThrough(clusters.service.ConnectionByID), Log: s.log,
	})
	h.PodLog = handlers.NewPodLog(handlers.AsOpenLogs(logs.Open), handlers.AsDownloadLogs(logs.Download), s.log)
	return logs
}
