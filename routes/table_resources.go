package routes

import "github.com/kubeorch/core/models"

func resources(h Handlers) []Route {
	return []Route{
		{Method: get, Path: api + "/resources/:id/logs/stream", Access: SignedIn, Scope: models.ScopeRead, Handle: h.PodLog.Stream, Stream: true},
		{Method: get, Path: api + "/resources/:id/logs/download", Access: SignedIn, Scope: models.ScopeRead, Handle: h.PodLog.Download, Stream: true},
	}
}
