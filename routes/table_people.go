package routes

import "github.com/kubeorch/core/models"

func people(h Handlers) []Route {
	return []Route{
		{Method: post, Path: api + "/auth/register", Access: Public, Audit: "auth.register", Limit: LimitRegister, Handle: h.Auth.Register},
		{Method: post, Path: api + "/auth/login", Access: Public, Audit: "auth.login", Limit: LimitLogin, Handle: h.Auth.Login},
		{Method: post, Path: api + "/auth/refresh", Access: Expired, Scope: models.ScopeSession, Audit: "auth.refresh", Limit: LimitRefresh, Handle: h.Auth.Refresh},
		{Method: get, Path: api + "/auth/methods", Access: Public, Handle: h.Auth.Methods},

		{Method: get, Path: api + "/profile", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Profile.Get},
		{Method: put, Path: api + "/profile", Access: SignedIn, Scope: models.ScopeSession, Audit: "profile.update", Handle: h.Profile.Update},
		{Method: put, Path: api + "/profile/password", Access: SignedIn, Scope: models.ScopeSession, Audit: "profile.password", Limit: LimitPassword, Handle: h.Profile.ChangePassword},

		{Method: get, Path: api + "/settings/regenerate-setting", Access: Admin, Scope: models.ScopeAdmin, Handle: h.Settings.Invites},
		{Method: put, Path: api + "/settings/regenerate-setting", Access: Admin, Scope: models.ScopeAdmin, Audit: "invite_code.setting", Handle: h.Settings.SetRegenerate},
		{Method: post, Path: api + "/settings/generate-invite-code", Access: Admin, Scope: models.ScopeAdmin, Audit: "invite_code.create", Handle: h.Settings.NewInviteCode},
		{Method: get, Path: api + "/settings/invite-code", Access: Admin, Scope: models.ScopeAdmin, Handle: h.Settings.InviteCode},
	}
}
