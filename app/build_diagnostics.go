package app

import (
	"time"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/services/diagnostics"
)

// buildDiagnostics returns the handlers that look for what is wrong with nodes, and fix
// it.
func (s *Server) buildDiagnostics(w workflowServices, clusters clusterServices) *handlers.Diagnostics {
	return handlers.NewDiagnostics(diagnostics.NewService(diagnostics.Deps{
		Workflows: w.workflows, Access: clusters.access, Connect: diagnostics.ConnectThrough(clusters.service.ConnectionTo),
		Log: s.log, Now: time.Now,
	}))
}
