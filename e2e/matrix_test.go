package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/routes"
)

// column is a kind of caller of the matrix.
type column struct {
	name   string
	token  string
	role   string       // of the account; empty for nobody
	scope  models.Scope // of the credential
	owner  bool         // the account has the objects of the fixture
	share  string       // the account's role on the fixture's cluster, where it does not own it
	userID string       // of who has that role
}

// matrix is a server with objects of one owner, and everybody who may ask for
// them.
type matrix struct {
	*person    // the owner
	admin      *person
	cluster    object            // as it was added
	ids        map[string]string // of the objects that nothing may change
	columns    []column
	serial     int
	rows       []string
	unexpected []string
}

// TestMatrix asks every route as everybody, on a server with real objects. What
// is expected follows from the row's statement and from whose the object is, so
// that a route added tomorrow is covered: where it names an object that the
// fixture does not have, that is not found.
func TestMatrix(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	for _, row := range inSafeOrder(routes.Table(routes.Handlers{})) {
		m.tryRow(t, row)
	}
	var head strings.Builder
	for _, c := range m.columns {
		fmt.Fprintf(&head, " %-7s", c.name)
	}
	t.Logf("who gets what\n%-62s%s\n%s", "", head.String(), strings.Join(m.rows, "\n"))
	require.Empty(t, m.unexpected)
	script := m.as(m.column("o:read").token) // the sessions have ended
	require.Equal(t, m.ids["name"], script.ask(t, 200, "GET", "/clusters/"+m.ids["name"], nil)["name"], "the objects are unharmed")
	require.Equal(t, "published", script.ask(t, 200, "GET", "/workflows/"+m.ids["id"], nil)["status"])
}

func (m *matrix) column(name string) column {
	return m.columns[slices.IndexFunc(m.columns, func(c column) bool { return c.name == name })]
}

// inSafeOrder puts last what ends the caller's own sessions.
func inSafeOrder(table []routes.Route) []routes.Route {
	rank := func(r routes.Route) int {
		switch {
		case strings.HasSuffix(r.Path, "/logout"):
			return 2
		case r.Method == http.MethodDelete && !strings.Contains(r.Path, ":"):
			return 1
		}
		return 0
	}
	return slices.SortedStableFunc(slices.Values(table), func(a, b routes.Route) int { return rank(a) - rank(b) })
}

// tryRow asks for one row as everybody: first as those who get in, each with
// an object of its own where something changes, then as the others.
func (m *matrix) tryRow(t *testing.T, row routes.Route) {
	t.Helper()
	cells := make([]string, len(m.columns))
	var allowed []int
	for _, refused := range []bool{false, true} {
		for i, c := range m.columns {
			want := m.expected(row, c)
			if (want != getsIn) != refused {
				continue
			}
			path := m.place(t, row, c, !refused && row.Method != http.MethodGet)
			status := m.status(t, row, path, c.token)
			cells[i] = fmt.Sprintf(" %-7d", status)
			if !refused {
				allowed = append(allowed, status)
			}
			if !want.fits(status, allowed) {
				cells[i] = fmt.Sprintf(" %d!    ", status)
				m.unexpected = append(m.unexpected, fmt.Sprintf("%s %s as %s: %d, want %s", row.Method, row.Path, c.name, status, want))
			}
		}
	}
	m.rows = append(m.rows, fmt.Sprintf("%-7s%-55s%s", row.Method, strings.TrimPrefix(row.Path, api+"/"), strings.Join(cells, "")))
}

// expectation is what a caller should get.
type expectation string

const (
	getsIn    expectation = "in" // reaches the object, or the check of the input
	signIn    expectation = "401"
	forbidden expectation = "403"
	unknown   expectation = "404"
	anything  expectation = "an answer" // a public route, which decides for itself
)

// fits reports whether a status is as expected. What is wrong with the input
// may be said before anybody looks for the object, if everybody is told.
func (e expectation) fits(status int, allowed []int) bool {
	switch e {
	case anything:
		return status < 500 || status == http.StatusServiceUnavailable
	case getsIn:
		return status < 500 && !slices.Contains([]int{401, 403, 404, 405}, status)
	case unknown:
		return status == http.StatusNotFound || status == http.StatusBadRequest && (len(allowed) == 0 || slices.Contains(allowed, status))
	}
	return fmt.Sprint(status) == string(e)
}

// expected derives what c gets from what the row says and from whose the
// object is.
func (m *matrix) expected(row routes.Route, c column) expectation {
	switch {
	case row.Access == routes.Public:
		return anything
	case !c.scope.Valid(), row.Access == routes.Expired && c.scope != models.ScopeSession:
		return signIn
	case !c.scope.Covers(row.Scope), row.Access == routes.Admin && c.role != models.RoleAdmin:
		return forbidden
	case !strings.Contains(row.Path, ":"):
		return getsIn
	case c.share != "" && strings.HasPrefix(row.Path, api+"/clusters/:name") && !m.mayShared(row, c):
		return forbidden
	case !m.known(row):
		return unknown
	case row.Access == routes.Admin: // what belongs to the server and not to anybody
		return getsIn
	case c.owner, c.share != "" && strings.HasPrefix(row.Path, api+"/clusters/:name"):
		return getsIn
	}
	return unknown
}

// mayShared reports what somebody may do whom the cluster is shared with:
// everybody sees and tests it, an admin of it sees the shares and deletes it,
// and nobody but the owner changes anything else.
func (m *matrix) mayShared(row routes.Route, c column) bool {
	rest := strings.TrimPrefix(row.Path, api+"/clusters/:name")
	if rest == "/shares" || rest == "" && row.Method == http.MethodDelete {
		return c.share == models.ClusterAdmin
	}
	return row.Method == http.MethodGet || slices.Contains([]string{"/test", "/refresh", "/default"}, rest)
}

// status asks and returns the status alone: streams do not end by themselves.
func (m *matrix) status(t *testing.T, row routes.Route, path, token string) int {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	name := row.Method + " " + strings.TrimPrefix(row.Path, api)
	body, given := bodies()[name]
	if name == "POST /clusters/:name/share" {
		body = `{"targetEmail":"nobody@example.org","role":"viewer"}` // with people who are there
	}
	if !given && row.Method != http.MethodGet && row.Method != http.MethodHead {
		body = "{}"
	}
	req, err := http.NewRequestWithContext(ctx, row.Method, m.url+path, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	require.NoError(t, err, "%s %s", row.Method, path)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}
