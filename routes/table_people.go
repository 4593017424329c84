package routes

import "github.com/kubeorch/core/models"

func people(h Handlers) []Route {
	return []Route{
		{Method: post, Path: api + "/auth/register", Access: Public, Audit: "auth.register", Limit: LimitRegister, Handle: h.Auth.Register},
		{Method: post, Path: api + "/auth/login", Access: Public, Audit: "auth.login", Limit: LimitLogin, Handle: h.Auth.Login},
		{Method: post, Path: api + "/auth/refresh", Access: Expired, Scope: models.ScopeSession, Audit: "auth.refresh", Limit: LimitRefresh, Handle: h.Auth.Refresh},
		{Method: post, Path: api + "/auth/logout", Access: Expired, Scope: models.ScopeSession, Audit: "auth.logout", Handle: h.Session.Logout},
		{Method: post, Path: api + "/auth/ws-ticket", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "auth.ticket", Handle: h.Session.Ticket},
		{Method: get, Path: api + "/auth/methods", Access: Public, Handle: h.Auth.Methods},
		{Method: get, Path: api + "/auth/oauth/:provider/authorize", Access: Public, Limit: LimitOAuth, Handle: h.OAuth.Authorize},
		{Method: get, Path: api + "/auth/oauth/:provider/callback", Access: Public, Audit: "auth.provider_login", Limit: LimitOAuth, Handle: h.OAuth.Callback},
		{Method: post, Path: api + "/auth/oauth/exchange", Access: Public, Audit: "auth.exchange", Limit: LimitOAuth, Handle: h.OAuth.Exchange},

		{Method: get, Path: api + "/profile", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Profile.Get},
		{Method: put, Path: api + "/profile", Access: SignedIn, Scope: models.ScopeSession, Audit: "profile.update", Handle: h.Profile.Update},
		{Method: put, Path: api + "/profile/password", Access: SignedIn, Scope: models.ScopeSession, Audit: "profile.password", Limit: LimitPassword, Handle: h.Profile.ChangePassword},

		{Method: get, Path: api + "/profile/sessions", Access: SignedIn, Scope: models.ScopeSession, Handle: h.Session.List},
		{Method: del, Path: api + "/profile/sessions", Access: SignedIn, Scope: models.ScopeSession, Audit: "session.end_all", Handle: h.Session.EndAll},
		{Method: del, Path: api + "/profile/sessions/:id", Access: SignedIn, Scope: models.ScopeSession, Audit: "session.end", Handle: h.Session.End},

		{Method: get, Path: api + "/admin/users", Access: Admin, Scope: models.ScopeAdmin, Handle: h.User.List},
		{Method: get, Path: api + "/admin/users/:id", Access: Admin, Scope: models.ScopeAdmin, Handle: h.User.Get},
		{Method: get, Path: api + "/admin/users/:id/owned", Access: Admin, Scope: models.ScopeAdmin, Handle: h.User.Owned},
		{Method: put, Path: api + "/admin/users/:id/role", Access: Admin, Scope: models.ScopeAdmin, Audit: "user.role", Handle: h.User.SetRole},
		{Method: post, Path: api + "/admin/users/:id/disable", Access: Admin, Scope: models.ScopeAdmin, Audit: "user.disable", Handle: h.User.Disable},
		{Method: post, Path: api + "/admin/users/:id/enable", Access: Admin, Scope: models.ScopeAdmin, Audit: "user.enable", Handle: h.User.Enable},
		{Method: del, Path: api + "/admin/users/:id", Access: Admin, Scope: models.ScopeAdmin, Audit: "user.delete", Handle: h.User.Delete},

		{Method: get, Path: api + "/settings/regenerate-setting", Access: Admin, Scope: models.ScopeAdmin, Handle: h.Settings.Invites},
		{Method: put, Path: api + "/settings/regenerate-setting", Access: Admin, Scope: models.ScopeAdmin, Audit: "invite_code.setting", Handle: h.Settings.SetRegenerate},
		{Method: post, Path: api + "/settings/generate-invite-code", Access: Admin, Scope: models.ScopeAdmin, Audit: "invite_code.create", Handle: h.Settings.NewInviteCode},
		{Method: get, Path: api + "/settings/invite-code", Access: Admin, Scope: models.ScopeAdmin, Handle: h.Settings.InviteCode},
		{Method: post, Path: api + "/settings/invites", Access: Admin, Scope: models.ScopeAdmin, Audit: "invite.create", Handle: h.Invite.Create},
		{Method: get, Path: api + "/settings/invites", Access: Admin, Scope: models.ScopeAdmin, Handle: h.Invite.List},
		{Method: del, Path: api + "/settings/invites/:id", Access: Admin, Scope: models.ScopeAdmin, Audit: "invite.revoke", Handle: h.Invite.Revoke},
	}
}
