package routes

import "github.com/kubeorch/core/models"

func diagnostics(h Handlers) []Route {
	const node = api + "/workflows/:id/nodes/:nodeId"
	return []Route{
		{Method: get, Path: node + "/diagnostics", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Diagnostics.Get},
		{Method: get, Path: node + "/fix-template/:fixType", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Diagnostics.FixTemplate},
		{Method: post, Path: node + "/fix", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "workflow.fix", Handle: h.Diagnostics.Fix},
		{Method: post, Path: node + "/fix/undo", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "workflow.fix-undo", Handle: h.Diagnostics.UndoFix},
	}
}
