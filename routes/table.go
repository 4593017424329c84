package routes

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/kubeorch/core/handlers"
)

// Access is the least a caller must be. The zero value is not a level, so a
// row that forgot to say is caught before the server starts.
type Access uint8

// The levels, each of which includes those before it. Whose object it is, is
// the services' business: a foreign one is not found.
const (
	Public Access = iota + 1
	SignedIn
	Admin
)

// String returns the level as the printed table shows it.
func (a Access) String() string {
	switch a {
	case Public:
		return "public"
	case SignedIn:
		return "signed in"
	case Admin:
		return "admin"
	}
	return fmt.Sprintf("invalid access %d", uint8(a))
}

// Route is one row of the table.
type Route struct {
	Method string
	Path   string
	Access Access
	Handle handlers.Func
	Stream bool // stays open: no bound on the time to answer
}

// Handlers are the parts that the table joins to paths.
type Handlers struct {
	Health   *handlers.Health
	Docs     *handlers.Docs
	Auth     *handlers.Auth
	Profile  *handlers.Profile
	Settings *handlers.Settings
}

// api is the base path of everything but probes and documentation.
const api = "/v1/api"

// Table lists the whole API. Reading it is reading the authorisation policy.
func Table(h Handlers) []Route {
	const (
		get  = http.MethodGet
		head = http.MethodHead
		post = http.MethodPost
		put  = http.MethodPut
	)
	return []Route{
		{Method: get, Path: "/healthz", Access: Public, Handle: h.Health.Live},
		{Method: head, Path: "/healthz", Access: Public, Handle: h.Health.Live},
		{Method: get, Path: "/readyz", Access: Public, Handle: h.Health.Ready},
		{Method: head, Path: "/readyz", Access: Public, Handle: h.Health.Ready},
		{Method: get, Path: "/metrics", Access: Public, Handle: h.Health.Metrics},
		{Method: get, Path: "/v1", Access: Public, Handle: h.Health.Welcome},
		{Method: head, Path: "/v1", Access: Public, Handle: h.Health.Welcome},
		{Method: get, Path: "/v1/api-docs", Access: Public, Handle: h.Docs.YAML},
		{Method: get, Path: "/v1/api-docs/json", Access: Public, Handle: h.Docs.JSON},

		{Method: post, Path: api + "/auth/register", Access: Public, Handle: h.Auth.Register},
		{Method: post, Path: api + "/auth/login", Access: Public, Handle: h.Auth.Login},
		{Method: post, Path: api + "/auth/refresh", Access: Public, Handle: h.Auth.Refresh},
		{Method: get, Path: api + "/auth/methods", Access: Public, Handle: h.Auth.Methods},

		{Method: get, Path: api + "/profile", Access: SignedIn, Handle: h.Profile.Get},
		{Method: put, Path: api + "/profile", Access: SignedIn, Handle: h.Profile.Update},
		{Method: put, Path: api + "/profile/password", Access: SignedIn, Handle: h.Profile.ChangePassword},

		{Method: get, Path: api + "/settings/regenerate-setting", Access: Admin, Handle: h.Settings.Invites},
		{Method: put, Path: api + "/settings/regenerate-setting", Access: Admin, Handle: h.Settings.SetRegenerate},
		{Method: post, Path: api + "/settings/generate-invite-code", Access: Admin, Handle: h.Settings.NewInviteCode},
		{Method: get, Path: api + "/settings/invite-code", Access: Admin, Handle: h.Settings.InviteCode},
	}
}

// Print returns the table as text, one row a line, for people and for the
// golden file.
func Print(table []Route) string {
	var b strings.Builder
	for _, r := range table {
		note := ""
		if r.Stream {
			note = "  stream"
		}
		fmt.Fprintf(&b, "%-9s  %-6s %s%s\n", r.Access, r.Method, r.Path, note)
	}
	return b.String()
}
