package routes

import (
	"fmt"
	"net/http"
	"slices"
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
	Template *handlers.Template
	Cluster  *handlers.Cluster
	Workflow *handlers.Workflow
	Version  *handlers.WorkflowVersion
	Run      *handlers.Run
	Status   *handlers.StatusStream
}

// api is the base path of everything but probes and documentation.
const api = "/v1/api"

const (
	get  = http.MethodGet
	head = http.MethodHead
	post = http.MethodPost
	put  = http.MethodPut
	del  = http.MethodDelete
)

// Table lists the whole API. Reading it is reading the authorisation policy.
func Table(h Handlers) []Route {
	return slices.Concat(system(h), people(h), clusters(h), workflows(h))
}

func system(h Handlers) []Route {
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
	}
}

func people(h Handlers) []Route {
	return []Route{
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

func clusters(h Handlers) []Route {
	return []Route{
		{Method: post, Path: api + "/clusters", Access: SignedIn, Handle: h.Cluster.Create},
		{Method: get, Path: api + "/clusters", Access: SignedIn, Handle: h.Cluster.List},
		{Method: get, Path: api + "/clusters/default", Access: SignedIn, Handle: h.Cluster.Default},
		{Method: get, Path: api + "/clusters/:name", Access: SignedIn, Handle: h.Cluster.Get},
		{Method: put, Path: api + "/clusters/:name", Access: SignedIn, Handle: h.Cluster.Update},
		{Method: del, Path: api + "/clusters/:name", Access: SignedIn, Handle: h.Cluster.Delete},
		{Method: put, Path: api + "/clusters/:name/default", Access: SignedIn, Handle: h.Cluster.SetDefault},
		{Method: put, Path: api + "/clusters/:name/credentials", Access: SignedIn, Handle: h.Cluster.UpdateCredentials},
		{Method: post, Path: api + "/clusters/:name/test", Access: SignedIn, Handle: h.Cluster.Test},
		{Method: post, Path: api + "/clusters/:name/refresh", Access: SignedIn, Handle: h.Cluster.Refresh},
		{Method: get, Path: api + "/clusters/:name/status", Access: SignedIn, Handle: h.Cluster.Status},
	}
}

func workflows(h Handlers) []Route {
	return []Route{
		{Method: get, Path: api + "/templates", Access: SignedIn, Handle: h.Template.List},

		{Method: post, Path: api + "/workflows", Access: SignedIn, Handle: h.Workflow.Create},
		{Method: get, Path: api + "/workflows", Access: SignedIn, Handle: h.Workflow.List},
		{Method: get, Path: api + "/workflows/:id", Access: SignedIn, Handle: h.Workflow.Get},
		{Method: put, Path: api + "/workflows/:id", Access: SignedIn, Handle: h.Workflow.Update},
		{Method: del, Path: api + "/workflows/:id", Access: SignedIn, Handle: h.Workflow.Delete},
		{Method: post, Path: api + "/workflows/:id/save", Access: SignedIn, Handle: h.Workflow.Save},
		{Method: post, Path: api + "/workflows/:id/clone", Access: SignedIn, Handle: h.Workflow.Clone},
		{Method: put, Path: api + "/workflows/:id/status", Access: SignedIn, Handle: h.Workflow.SetStatus},
		{Method: get, Path: api + "/workflows/:id/status/stream", Access: SignedIn, Handle: h.Status.Stream, Stream: true},

		{Method: get, Path: api + "/workflows/:id/versions", Access: SignedIn, Handle: h.Version.List},
		{Method: post, Path: api + "/workflows/:id/versions", Access: SignedIn, Handle: h.Version.Create},
		{Method: get, Path: api + "/workflows/:id/versions/compare", Access: SignedIn, Handle: h.Version.Compare},
		{Method: get, Path: api + "/workflows/:id/versions/:version", Access: SignedIn, Handle: h.Version.Get},
		{Method: put, Path: api + "/workflows/:id/versions/:version", Access: SignedIn, Handle: h.Version.Update},
		{Method: post, Path: api + "/workflows/:id/versions/:version/restore", Access: SignedIn, Handle: h.Version.Restore},

		{Method: post, Path: api + "/workflows/:id/run", Access: SignedIn, Handle: h.Run.Start},
		{Method: get, Path: api + "/workflows/:id/runs", Access: SignedIn, Handle: h.Run.List},
		{Method: get, Path: api + "/workflows/:id/runs/:runId", Access: SignedIn, Handle: h.Run.Get},
		{Method: post, Path: api + "/workflows/:id/runs/:runId/cancel", Access: SignedIn, Handle: h.Run.Cancel},
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
