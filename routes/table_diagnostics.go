package routes

import "github.com/kubeorch/core/models"

func diagnostics(h Handlers) []Route {
	const node = api + "/workflows/:id/nodes/:nodeId"
	return []Route{
		{Method: get, Path: node + "/diagnostics", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Diagnostics.Get},
	}
}
