package routes

import "github.com/kubeorch/core/models"

func resources(h Handlers) []Route {
	return []Route{
		{Method: get, Path: api + "/resources/:id/exec/terminal", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "terminal.open", Handle: h.Terminal.Open, Socket: true},
	}
}
