package routes

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// caller is a kind of caller. An anonymous one has neither role nor scope.
type caller struct {
	name   string
	header string
	role   string
	scope  models.Scope
}

// callers returns every kind of caller.
func callers() []caller {
	list := []caller{
		{name: "anonymous"},
		{name: "a stranger's token", header: "Bearer who"},
		{name: "a stranger's API token", header: "Bearer " + models.APITokenPrefix + "who"},
		{name: "another scheme", header: "Basic user-session"},
	}
	for _, role := range []string{models.RoleUser, models.RoleAdmin} {
		for _, scope := range []models.Scope{models.ScopeSession, models.ScopeRead, models.ScopeDeploy, models.ScopeAdmin} {
			name := fmt.Sprintf("%s-%s", role, scope)
			list = append(list, caller{name: name, header: "Bearer " + name, role: role, scope: scope})
		}
	}
	return list
}

// identity is what authentication finds.
func (c caller) identity() models.Identity {
	id := models.Identity{UserID: c.name, Email: c.role + "@example.org", Role: c.role, Scope: c.scope}
	if c.scope == models.ScopeSession {
		id.SessionID = "s-" + c.name
	} else {
		id.TokenID = "t-" + c.name
	}
	return id
}

// everybody authenticates callers by their names.
type everybody struct{ known }

func (everybody) Authenticate(_ context.Context, token string) (models.Identity, error) {
	for _, c := range callers() {
		if c.name == token && c.scope.Valid() {
			return c.identity(), nil
		}
	}
	return models.Identity{}, &models.Error{Kind: models.Unauthenticated, Msg: "the session is not valid"}
}

// AuthenticateExpired accepts sessions only: API tokens cannot be refreshed.
func (e everybody) AuthenticateExpired(ctx context.Context, token string) (models.Identity, error) {
	id, err := e.Authenticate(ctx, token)
	if err == nil && id.SessionID == "" {
		return models.Identity{}, &models.Error{Kind: models.Unauthenticated, Msg: "the session is not valid"}
	}
	return id, err
}

// answerTo is the status that r promises the caller, if its handler always
// answers 204.
func (r Route) answerTo(c caller) int {
	switch {
	case r.Access == Public:
		return http.StatusNoContent
	case !c.scope.Valid(), r.Access == Expired && c.scope != models.ScopeSession:
		return http.StatusUnauthorized
	case !c.scope.Covers(r.Scope), r.Access == Admin && c.role != models.RoleAdmin:
		return http.StatusForbidden
	}
	return http.StatusNoContent
}

// TestEveryRouteAgainstEveryCaller calls each route as each kind of caller and
// compares the status and the audit entry. A new route is covered without
// editing this file.
func TestEveryRouteAgainstEveryCaller(t *testing.T) {
	t.Parallel()
	table := Table(Handlers{})
	for i := range table {
		table[i].Handle = func(c *gin.Context) error { c.Status(http.StatusNoContent); return nil }
	}
	d, trail := deps(), &memoryTrail{}
	d.Accounts, d.Audit = everybody{}, trail
	srv := serveDeps(t, d, table)
	for _, r := range table {
		for _, c := range callers() {
			res := send(t, r.Method, srv.URL+concrete(r.Path), nil, "Authorization", c.header)
			what := fmt.Sprintf("%s %s as %s", r.Method, r.Path, c.name)
			require.Equal(t, r.answerTo(c), res.StatusCode, what)
			require.Equal(t, r.recordOf(c), trail.take(), what)
		}
	}
}

// recordOf is the audit entry that a request leaves. Anonymous callers of other
// than public routes leave none.
func (r Route) recordOf(c caller) []string {
	status := r.answerTo(c)
	if r.Audit == "" || status == http.StatusUnauthorized {
		return nil
	}
	outcome, actor := models.AuditSuccess, c.name
	if status == http.StatusForbidden {
		outcome = models.AuditDenied
	}
	if r.Access == Public {
		actor = ""
	}
	return []string{strings.Join([]string{r.Audit, outcome, fmt.Sprint(status), actor}, " ")}
}

// A WebSocket takes a session's token from the query. An API token is refused
// there: it lives long, and queries end up in the logs of proxies.
func TestSocketQueryTakesNoAPIToken(t *testing.T) {
	t.Parallel()
	d := deps()
	d.Accounts = anyToken{}
	srv := serveDeps(t, d, []Route{{
		Method: get, Path: "/socket", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "x", Socket: true,
		Handle: func(c *gin.Context) error { c.Status(http.StatusNoContent); return nil },
	}})
	token := models.APITokenPrefix + "abc"
	require.Equal(t, http.StatusUnauthorized, send(t, get, srv.URL+"/socket?token="+token, nil).StatusCode)
	require.Equal(t, http.StatusNoContent, send(t, get, srv.URL+"/socket?token=abc", nil).StatusCode)
	require.Equal(t, http.StatusNoContent, send(t, get, srv.URL+"/socket", nil, "Authorization", "Bearer "+token).StatusCode)
}

// anyToken accepts every token.
type anyToken struct{ known }

func (anyToken) Authenticate(context.Context, string) (models.Identity, error) {
	return models.Identity{UserID: "u1", Role: models.RoleUser, Scope: models.ScopeDeploy}, nil
}
