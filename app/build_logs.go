package app

import (
	"context"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/podlog"
)

// heldResources finds the objects whose logs are read.
type heldResources interface {
	Hold(ctx context.Context, userID, id string, action models.ClusterAction) (models.Resource, context.Context, context.CancelFunc, error)
	Pods(ctx context.Context, userID, id string) ([]models.Resource, error)
}

// buildLogs returns what reads logs, which must be started, and stopped with the
// streams, and its handler.
func (s *Server) buildLogs(resources heldResources, clusters clusterServices) (*podlog.Manager, *handlers.PodLog) {
	logs := podlog.NewManager(podlog.Deps{
		Resources: resources, Connect: podlog.LogsThrough(clusters.service.ConnectionByID), Log: s.log,
	})
	return logs, handlers.NewPodLog(handlers.AsOpenLogs(logs.Open), handlers.AsDownloadLogs(logs.Download), s.log)
}
