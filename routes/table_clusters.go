package routes

import "github.com/kubeorch/core/models"

func clusters(h Handlers) []Route {
	return []Route{
		{Method: post, Path: api + "/clusters", Access: SignedIn, Scope: models.ScopeAdmin, Audit: "cluster.create", Body: DocumentBody, Handle: h.Cluster.Create},
		{Method: get, Path: api + "/clusters", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Cluster.List},
		{Method: get, Path: api + "/clusters/default", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Cluster.Default},
		{Method: get, Path: api + "/clusters/:name", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Cluster.Get},
		{Method: put, Path: api + "/clusters/:name", Access: SignedIn, Scope: models.ScopeAdmin, Audit: "cluster.update", Body: DocumentBody, Handle: h.Cluster.Update},
		{Method: del, Path: api + "/clusters/:name", Access: SignedIn, Scope: models.ScopeAdmin, Audit: "cluster.delete", Handle: h.Cluster.Delete},
		{Method: put, Path: api + "/clusters/:name/default", Access: SignedIn, Scope: models.ScopeAdmin, Audit: "cluster.default", Handle: h.Cluster.SetDefault},
		{Method: put, Path: api + "/clusters/:name/credentials", Access: SignedIn, Scope: models.ScopeAdmin, Audit: "cluster.credentials", Body: DocumentBody, Handle: h.Cluster.UpdateCredentials},

		{Method: get, Path: api + "/clusters/stream", Access: SignedIn, Scope: models.ScopeRead, Handle: h.ClusterStream.Stream, Stream: true},
		{Method: post, Path: api + "/clusters/:name/test", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "cluster.test", Handle: h.Cluster.Test},
		{Method: post, Path: api + "/clusters/:name/refresh", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "cluster.refresh", Handle: h.Cluster.Refresh},
		{Method: get, Path: api + "/clusters/:name/status", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Cluster.Status},
		{Method: get, Path: api + "/clusters/:name/logs", Access: SignedIn, Scope: models.ScopeRead, Handle: h.ClusterLog.List},

		{Method: get, Path: api + "/clusters/shares", Access: SignedIn, Scope: models.ScopeRead, Handle: h.ClusterShare.Offered},
		{Method: post, Path: api + "/clusters/shares/:id/accept", Access: SignedIn, Scope: models.ScopeAdmin, Audit: "cluster.share.accept", Handle: h.ClusterShare.Accept},
		{Method: post, Path: api + "/clusters/shares/:id/decline", Access: SignedIn, Scope: models.ScopeAdmin, Audit: "cluster.share.decline", Handle: h.ClusterShare.Decline},
		{Method: post, Path: api + "/clusters/:name/share", Access: SignedIn, Scope: models.ScopeAdmin, Audit: "cluster.share", Handle: h.ClusterShare.Create},
		{Method: get, Path: api + "/clusters/:name/shares", Access: SignedIn, Scope: models.ScopeRead, Handle: h.ClusterShare.List},
		{Method: del, Path: api + "/clusters/:name/shares/:userId", Access: SignedIn, Scope: models.ScopeAdmin, Audit: "cluster.unshare", Handle: h.ClusterShare.Revoke},

		{Method: get, Path: api + "/clusters/:name/metrics", Access: SignedIn, Scope: models.ScopeRead, Handle: h.ClusterMetrics.Get},
		{Method: get, Path: api + "/metrics/overview", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Metrics.Overview},
		{Method: get, Path: api + "/metrics/resources", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Metrics.Resources},
	}
}
