package routes

import "github.com/kubeorch/core/models"

// people lists the routes of signing in and of one's own account.
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

		{Method: post, Path: api + "/profile/tokens", Access: SignedIn, Scope: models.ScopeSession, Audit: "api_token.create", Handle: h.APIToken.Create},
		{Method: get, Path: api + "/profile/tokens", Access: SignedIn, Scope: models.ScopeSession, Handle: h.APIToken.List},
		{Method: del, Path: api + "/profile/tokens/:id", Access: SignedIn, Scope: models.ScopeSession, Audit: "api_token.revoke", Handle: h.APIToken.Revoke},
	}
}

// notifications lists the routes of what is told to oneself.
func notifications(h Handlers) []Route {
	const base = api + "/user-notifications"
	return []Route{
		{Method: get, Path: base, Access: SignedIn, Scope: models.ScopeRead, Handle: h.Notification.List},
		{Method: get, Path: base + "/unread-count", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Notification.UnreadCount},
		{Method: get, Path: base + "/stream", Access: SignedIn, Scope: models.ScopeRead, Handle: h.Notification.Stream, Stream: true},
		{Method: patch, Path: base + "/:id/read", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "notification.read", Handle: h.Notification.MarkRead},
		{Method: post, Path: base + "/mark-all-read", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "notification.read_all", Handle: h.Notification.MarkAllRead},
	}
}
