package app

import (
	"context"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/podlog"
)

// logResources finds the objects whose logs are read.
type logResources interface {
	terminalResources
	Pods(ctx context.Context, userID, id string) ([]models.Resource, error)
}

// buildLogs returns the manager of logs, whose Stop must be called before the HTTP
// server's, and its handler.
func (s *Server) buildLogs(resources logResources, clusters clusterServices) (*podlog.Manager, *handlers.PodLog) {
	m := podlog.NewManager(podlog.Deps{
		Resources: resources, Connect: podlog.LogsThrough(clusters.service.ConnectionByID), Log: s.log,
	})
	return m, handlers.NewPodLog(handlers.AsOpenLogs(m.Open), handlers.AsDownloadLogs(m.Download), s.log)
}
