package routes

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	os.Exit(m.Run())
}

// known maps the bearer tokens of these tests to roles.
type known map[string]string

func (k known) Authenticate(_ context.Context, token string) (models.Identity, error) {
	role, ok := k[token]
	if !ok {
		return models.Identity{}, &models.Error{Kind: models.Unauthenticated, Msg: "the session is not valid"}
	}
	return models.Identity{UserID: token, Role: role, Scope: models.ScopeSession}, nil
}

func (k known) AuthenticateExpired(ctx context.Context, token string) (models.Identity, error) {
	return k.Authenticate(ctx, strings.TrimPrefix(token, "expired-"))
}

func (k known) AuthenticateTicket(ctx context.Context, ticket string) (models.Identity, error) {
	return k.Authenticate(ctx, strings.TrimPrefix(ticket, "ticket-"))
}

func (k known) Guard(context.Context, models.Identity) (*models.SessionGuard, error) {
	return models.NewSessionGuard(nil, func() {}), nil
}

func deps() Deps {
	return Deps{
		Log:         slog.New(slog.DiscardHandler),
		Accounts:    known{"u1": models.RoleUser, "a1": models.RoleAdmin},
		Metrics:     prometheus.NewRegistry(),
		CORSOrigins: []string{"http://localhost:3001"},
		MaxBody:     1 << 10,
	}
}

// serve starts a listener for table.
func serve(t *testing.T, table []Route) *httptest.Server {
	t.Helper()
	return serveDeps(t, deps(), table)
}

func serveDeps(t *testing.T, d Deps, table []Route) *httptest.Server {
	t.Helper()
	e, err := setup(d, table)
	require.NoError(t, err)
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	return srv
}

func send(t *testing.T, method, url string, body io.Reader, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func TestTableMatchesGolden(t *testing.T) {
	t.Parallel()
	const golden = "testdata/table.golden"
	got := Print(Table(Handlers{}))
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "the table changed; when that is meant, run go test ./routes -update")
}

// concrete replaces the parameters of a pattern with values.
func concrete(pattern string) string {
	parts := strings.Split(pattern, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, ":") {
			parts[i] = "x1"
		}
	}
	return strings.Join(parts, "/")
}

func TestSetupRefuses(t *testing.T) {
	t.Parallel()
	ok := func(*gin.Context) error { return nil }
	for name, tc := range map[string]struct {
		change func(*Deps)
		table  []Route
		want   string
	}{
		"a row without access":     {table: []Route{{Method: "GET", Path: "/x", Handle: ok}}, want: "GET /x: invalid access 0"},
		"a row without scope":      {table: []Route{{Method: "GET", Path: "/x", Access: SignedIn, Handle: ok}}, want: `GET /x: invalid scope ""`},
		"a public row with scope":  {table: []Route{{Method: "GET", Path: "/x", Access: Public, Scope: models.ScopeRead, Handle: ok}}, want: "invalid scope"},
		"a row with another body":  {table: []Route{{Method: "PUT", Path: "/x", Access: Public, Audit: "x", Body: 9, Handle: ok}}, want: "PUT /x: invalid body 9"},
		"a change without action":  {table: []Route{{Method: "PUT", Path: "/x", Access: Public, Handle: ok}}, want: "audit trail"},
		"a proxy that is none":     {change: func(d *Deps) { d.TrustedProxies = []string{"everyone"} }, want: "trusted proxies"},
		"an origin that is no URL": {change: func(d *Deps) { d.CORSOrigins = []string{"localhost"} }, want: "CORS origins"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deps()
			if tc.change != nil {
				tc.change(&d)
			}
			_, err := setup(d, tc.table)
			require.ErrorContains(t, err, tc.want)
		})
	}
}
