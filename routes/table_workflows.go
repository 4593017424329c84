package routes

import "github.com/kubeorch/core/models"

func workflows(h Handlers) []Route {
	return []Route{
		{Method: get, Path: api + "/templates", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Template.List},

		{Method: post, Path: api + "/workflows", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "workflow.create", Handle: h.Workflow.Create},
		{Method: get, Path: api + "/workflows", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Workflow.List},
		{Method: get, Path: api + "/workflows/:id", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Workflow.Get},
		{Method: put, Path: api + "/workflows/:id", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "workflow.update", Body: GraphBody, Handle: h.Workflow.Update},
		{Method: del, Path: api + "/workflows/:id", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "workflow.delete", Handle: h.Workflow.Delete},
		{Method: post, Path: api + "/workflows/:id/restore", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "workflow.restore", Handle: h.Workflow.Restore},
		{Method: post, Path: api + "/workflows/:id/save", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "workflow.save", Body: GraphBody, Handle: h.Workflow.Save},
		{Method: post, Path: api + "/workflows/:id/clone", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "workflow.clone", Handle: h.Workflow.Clone},
		{Method: put, Path: api + "/workflows/:id/status", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "workflow.status", Handle: h.Workflow.SetStatus},
		{Method: get, Path: api + "/workflows/:id/status/stream", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Status.Stream, Stream: true},

		{Method: get, Path: api + "/workflows/:id/leftovers", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Leftover.List},
		{Method: del, Path: api + "/workflows/:id/leftovers", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "workflow.leftovers", Handle: h.Leftover.Remove},

		{Method: get, Path: api + "/workflows/:id/versions", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Version.List},
		{Method: post, Path: api + "/workflows/:id/versions", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "version.create", Handle: h.Version.Create},
		{Method: get, Path: api + "/workflows/:id/versions/compare", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Version.Compare},
		{Method: get, Path: api + "/workflows/:id/versions/:version", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Version.Get},
		{Method: put, Path: api + "/workflows/:id/versions/:version", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "version.update", Handle: h.Version.Update},
		{Method: del, Path: api + "/workflows/:id/versions/:version", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "version.delete", Handle: h.Version.Delete},
		{Method: post, Path: api + "/workflows/:id/versions/:version/restore", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "version.restore", Handle: h.Version.Restore},

		{Method: post, Path: api + "/workflows/:id/run", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "workflow.run", Body: GraphBody, Handle: h.Run.Start},
		{Method: get, Path: api + "/workflows/:id/runs", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Run.List},
		{Method: get, Path: api + "/workflows/:id/runs/:runId", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Run.Get},
		{Method: post, Path: api + "/workflows/:id/runs/:runId/cancel", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "run.cancel", Handle: h.Run.Cancel},
		{Method: get, Path: api + "/workflows/:id/runs/:runId/stream", Access: SignedIn, Scope: models.ScopeRead, Handle: h.RunStream.Stream, Stream: true},
		{Method: post, Path: api + "/workflows/:id/rollback", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "workflow.rollback", Handle: h.Run.Rollback},

		{Method: post, Path: api + "/workflows/:id/plan", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "workflow.plan", Body: GraphBody, Handle: h.Plan.Make},
		{Method: get, Path: api + "/workflows/:id/manifests", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Plan.Manifests},

		{Method: get, Path: api + "/workflows/:id/drift", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Drift.Get},
		{Method: put, Path: api + "/workflows/:id/drift", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "workflow.drift", Handle: h.Drift.Set},
	}
}
