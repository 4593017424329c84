package app

import (
	"context"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/audit"
	"github.com/kubeorch/core/services/terminal"
)

// terminalResources finds the objects that terminals are opened in.
type terminalResources interface {
	Hold(ctx context.Context, userID, id string, action models.ClusterAction) (
		r models.Resource, held context.Context, release context.CancelFunc, err error)
}

// buildTerminals returns the service of terminals, whose Stop must be called before the
// HTTP server's, and its handler.
func (s *Server) buildTerminals(resources terminalResources, clusters clusterServices, trail *audit.Trail) (*terminal.Service, *handlers.Terminal) {
	svc := terminal.NewService(terminal.Deps{
		Resources: resources, Access: clusters.access, Connect: terminal.ConnectThrough(clusters.service.ConnectionByID),
		Audit: trail, Log: s.log,
	}, terminal.Options{
		Idle: s.cfg.TerminalIdle, Longest: s.cfg.TerminalLongest, PerUser: s.cfg.MaxTerminals, DebugImage: s.cfg.TerminalDebugImage,
	})
	return svc, handlers.NewTerminal(func(
		ctx context.Context, userID, id string, req models.TerminalRequest, accept func() (*handlers.TerminalSocket, error),
	) error {
		return svc.Open(ctx, userID, id, req, terminal.AcceptThrough(accept))
	})
}
