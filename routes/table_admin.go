package routes

import "github.com/kubeorch/core/models"

// admin lists the routes for administrators: accounts, sign-up and audit.
func admin(h Handlers) []Route {
	return []Route{
		{Method: get, Path: api + "/admin/users", Access: Admin, Scope: models.ScopeAdmin, Handle: h.User.List},
		{Method: get, Path: api + "/admin/users/:id", Access: Admin, Scope: models.ScopeAdmin, Handle: h.User.Get},
		{Method: get, Path: api + "/admin/users/:id/owned", Access: Admin, Scope: models.ScopeAdmin, Handle: h.User.Owned},
		{Method: put, Path: api + "/admin/users/:id/role", Access: Admin, Scope: models.ScopeAdmin, Audit: "user.role", Handle: h.User.SetRole},
		{Method: post, Path: api + "/admin/users/:id/disable", Access: Admin, Scope: models.ScopeAdmin, Audit: "user.disable", Handle: h.User.Disable},
		{Method: post, Path: api + "/admin/users/:id/enable", Access: Admin, Scope: models.ScopeAdmin, Audit: "user.enable", Handle: h.User.Enable},
		{Method: del, Path: api + "/admin/users/:id", Access: Admin, Scope: models.ScopeAdmin, Audit: "user.delete", Handle: h.User.Delete},
		{Method: get, Path: api + "/admin/users/:id/tokens", Access: Admin, Scope: models.ScopeAdmin, Handle: h.APIToken.ListOf},
		{Method: del, Path: api + "/admin/users/:id/tokens/:tokenId", Access: Admin, Scope: models.ScopeAdmin, Audit: "api_token.revoke", Handle: h.APIToken.RevokeOf},

		{Method: get, Path: api + "/settings/regenerate-setting", Access: Admin, Scope: models.ScopeAdmin, Handle: h.Settings.Invites},
		{Method: put, Path: api + "/settings/regenerate-setting", Access: Admin, Scope: models.ScopeAdmin, Audit: "invite_code.setting", Handle: h.Settings.SetRegenerate},
		{Method: post, Path: api + "/settings/generate-invite-code", Access: Admin, Scope: models.ScopeAdmin, Audit: "invite_code.create", Handle: h.Settings.NewInviteCode},
		{Method: get, Path: api + "/settings/invite-code", Access: Admin, Scope: models.ScopeAdmin, Handle: h.Settings.InviteCode},
		{Method: post, Path: api + "/settings/invites", Access: Admin, Scope: models.ScopeAdmin, Audit: "invite.create", Handle: h.Invite.Create},
		{Method: get, Path: api + "/settings/invites", Access: Admin, Scope: models.ScopeAdmin, Handle: h.Invite.List},
		{Method: del, Path: api + "/settings/invites/:id", Access: Admin, Scope: models.ScopeAdmin, Audit: "invite.revoke", Handle: h.Invite.Revoke},

		{Method: get, Path: api + "/admin/servers", Access: Admin, Scope: models.ScopeAdmin, Handle: h.Server.List},
		{Method: get, Path: api + "/admin/audit", Access: Admin, Scope: models.ScopeAdmin, Handle: h.Audit.List},
	}
}
