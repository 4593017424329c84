package routes

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
)

// Route is one row of the table.
type Route struct {
	Method string
	Path   string
	Access Access
	Scope  models.Scope // what an API token needs; public rows have none
	Audit  string       // the action in the audit trail; required of rows that change something
	Limit  Limit        // in addition to those per client and per account
	Body   Body         // the largest body
	Handle handlers.Func
	Stream bool // stays open, without answerTimeout
	Socket bool // a WebSocket, which takes credentials from the query, too: see middleware.SocketMiddleware
}

// check refuses rows that do not say who may call them, and with which scope.
func (r Route) check() error {
	switch {
	case r.Access < Public || r.Access > Admin:
		return fmt.Errorf("route %s %s: %s", r.Method, r.Path, r.Access)
	case r.Body > GraphBody:
		return fmt.Errorf("route %s %s: %s", r.Method, r.Path, r.Body)
	case (r.Access == Public) == r.Scope.Valid():
		return fmt.Errorf("route %s %s: invalid scope %q", r.Method, r.Path, r.Scope)
	case r.Audit == "" && r.Method != get && r.Method != head:
		return fmt.Errorf("route %s %s changes something and names no action for the audit trail", r.Method, r.Path)
	}
	return nil
}

// Handlers holds the handlers of all routes.
type Handlers struct {
	Health *handlers.Health
	Docs   *handlers.Docs

	Auth     *handlers.Auth
	OAuth    *handlers.OAuth
	Session  *handlers.Session
	Profile  *handlers.Profile
	APIToken *handlers.APIToken

	User     *handlers.User
	Settings *handlers.Settings
	Invite   *handlers.Invite
	Audit    *handlers.Audit
	Server   *handlers.Server

	Cluster        *handlers.Cluster
	ClusterStream  *handlers.ClusterStream
	ClusterLog     *handlers.ClusterLog
	ClusterShare   *handlers.ClusterShare
	ClusterMetrics *handlers.ClusterMetrics
	Metrics        *handlers.Metrics

	Notification *handlers.Notification

	Resource       *handlers.Resource
	ResourceStream *handlers.ResourceStream
	PodLog         *handlers.PodLog
	Terminal       *handlers.Terminal

	Template  *handlers.Template
	Workflow  *handlers.Workflow
	Leftover  *handlers.Leftover
	Version   *handlers.WorkflowVersion
	Run       *handlers.Run
	Plan      *handlers.Plan
	Status    *handlers.StatusStream
	RunStream *handlers.RunStream

	Diagnostics *handlers.Diagnostics
	Drift       *handlers.Drift
}

// api is the base path of all routes except probes and documentation.
const api = "/v1/api"

const (
	get   = http.MethodGet
	head  = http.MethodHead
	post  = http.MethodPost
	put   = http.MethodPut
	patch = http.MethodPatch
	del   = http.MethodDelete
)

// Table lists the whole API. Reading it is reading the authorisation policy.
func Table(h Handlers) []Route {
	return slices.Concat(system(h), people(h), notifications(h), admin(h), clusters(h), resources(h), workflows(h), diagnostics(h))
}

// Print returns the table as text, one row a line, for people and for the
// golden file.
func Print(table []Route) string {
	var b strings.Builder
	for _, r := range table {
		fmt.Fprintf(&b, "%-9s  %-7s  %-6s %s", r.Access, r.Scope, r.Method, r.Path)
		for _, note := range []struct {
			on   bool
			text string
		}{{r.Audit != "", r.Audit}, {r.Limit != "", "limit:" + string(r.Limit)}, {r.Body != SmallBody, "body:" + r.Body.String()},
			{r.Stream, "stream"}, {r.Socket, "socket"}} {
			if note.on {
				fmt.Fprintf(&b, "  %s", note.text)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
