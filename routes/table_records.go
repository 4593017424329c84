package routes

import "github.com/kubeorch/core/models"

func records(h Handlers) []Route {
	return []Route{
		{Method: post, Path: api + "/profile/tokens", Access: SignedIn, Scope: models.ScopeSession, Audit: "api_token.create", Handle: h.APIToken.Create},
		{Method: get, Path: api + "/profile/tokens", Access: SignedIn, Scope: models.ScopeSession, Handle: h.APIToken.List},
		{Method: del, Path: api + "/profile/tokens/:id", Access: SignedIn, Scope: models.ScopeSession, Audit: "api_token.revoke", Handle: h.APIToken.Revoke},
		{Method: get, Path: api + "/admin/users/:id/tokens", Access: Admin, Scope: models.ScopeAdmin, Handle: h.APIToken.ListOf},
		{Method: del, Path: api + "/admin/users/:id/tokens/:tokenId", Access: Admin, Scope: models.ScopeAdmin, Audit: "api_token.revoke", Handle: h.APIToken.RevokeOf},

		{Method: get, Path: api + "/admin/audit", Access: Admin, Scope: models.ScopeAdmin, Handle: h.Audit.List},
	}
}
