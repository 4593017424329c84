package app

import (
	"time"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/diagnostics"
)

// buildDiagnostics returns the handlers that look for what is wrong with nodes, and fix
// it.
func (s *Server) buildDiagnostics(w workflowServices, clusters clusterServices) *handlers.Diagnostics {
	connect := clusters.service.ConnectionTo
	return handlers.NewDiagnostics(diagnostics.NewService(diagnostics.Deps{
		Workflows: w.workflows, Drawings: w.workflows, Deploy: w.executor, Access: clusters.access, Kinds: s.kinds,
		Connect: diagnostics.ConnectThrough(connect), Writer: diagnostics.WriteThrough(connect),
		Records: repositories.NewCodes(s.db.Database()), Log: s.log, Now: time.Now,
	}))
}
