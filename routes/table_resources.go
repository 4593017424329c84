package routes

import "github.com/kubeorch/core/models"

// resources lists the routes of the objects in clusters.
func resources(h Handlers) []Route {
	const base = api + "/resources"
	return []Route{
		{Method: get, Path: base, Access: SignedIn, Scope: models.ScopeRead, Handle: h.Resource.List},
		{Method: post, Path: base + "/sync", Access: SignedIn, Scope: models.ScopeRead, Audit: "resource.sync", Handle: h.Resource.Sync},
		{Method: get, Path: base + "/:id", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Resource.Get},
		{Method: patch, Path: base + "/:id", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "resource.mark", Body: DocumentBody, Handle: h.Resource.Update},
		{Method: get, Path: base + "/:id/pods", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Resource.Pods},
		{Method: get, Path: base + "/:id/stream", Access: SignedIn, Scope: models.ScopeRead, Handle: h.ResourceStream.Stream, Stream: true},
		{Method: get, Path: base + "/:id/logs/stream", Access: SignedIn, Scope: models.ScopeRead, Handle: h.PodLog.Stream, Stream: true},
		{Method: get, Path: base + "/:id/logs/download", Access: SignedIn, Scope: models.ScopeRead, Handle: h.PodLog.Download, Stream: true},
		{Method: get, Path: base + "/:id/exec/terminal", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "terminal.open", Handle: h.Terminal.Open, Socket: true},
	}
}
