package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// userFields are those that the web frontend stores; one that is missing would
// be lost there.
func userFields() []string {
	return []string{"id", "email", "name", "role", "avatarUrl", "createdAt", "authProvider"}
}

func TestAccountsOverHTTP(t *testing.T) {
	t.Parallel()
	r := startIn(t, t.TempDir(), "REGENERATE_INVITE_AFTER_SIGNUP", "false")

	methods := r.call(t, "GET", "/v1/api/auth/methods", "", "")
	require.JSONEq(t, `{"builtin":{"enabled":true,"signupEnabled":true},"providers":[]}`, methods.text)

	created := r.register(t, "Ann@Example.org", "")
	require.Equal(t, 201, created.StatusCode, created.text)
	admin, _ := created.json(t)["token"].(string)
	requireUser(t, created, "admin")

	invites := r.call(t, "GET", "/v1/api/settings/regenerate-setting", admin, "").json(t)
	require.Equal(t, false, invites["regenerateAfterSignup"])
	code, _ := invites["inviteCode"].(string)
	require.Equal(t, 403, r.register(t, "bob@example.org", "").StatusCode)
	second := r.register(t, "bob@example.org", code)
	requireUser(t, second, "user")
	require.Equal(t, 409, r.register(t, "bob@example.org", code).StatusCode)

	login := r.call(t, "POST", "/v1/api/auth/login", "", `{"email":"bob@example.org","password":"secret1"}`)
	require.Equal(t, 200, login.StatusCode)
	requireUser(t, login, "user")
	bob, _ := login.json(t)["token"].(string)
	wrong := r.call(t, "POST", "/v1/api/auth/login", "", `{"email":"bob@example.org","password":"secret9"}`)
	require.Equal(t, 401, wrong.StatusCode)
	require.Equal(t, wrong.json(t)["error"], wrong.json(t)["message"])

	renamed := r.call(t, "PUT", "/v1/api/profile", bob, `{"name":"Bob B"}`)
	require.Equal(t, 200, renamed.StatusCode)
	requireUser(t, renamed, "user")
	changed := r.call(t, "PUT", "/v1/api/profile/password", bob, `{"currentPassword":"wrong-1","newPassword":"secret2"}`)
	require.Equal(t, 400, changed.StatusCode, "never 401, which would end the session in the browser")
	changed = r.call(t, "PUT", "/v1/api/profile/password", bob, `{"currentPassword":"secret1","newPassword":"secret2"}`)
	require.Equal(t, 200, changed.StatusCode)
	require.NotEmpty(t, changed.json(t)["message"])

	refreshed := r.call(t, "POST", "/v1/api/auth/refresh", bob, `{}`)
	require.Equal(t, 200, refreshed.StatusCode)
	requireUser(t, refreshed, "user")
	require.Equal(t, 200, r.call(t, "POST", "/v1/api/auth/refresh", bob, "").StatusCode, "without a body")
	require.Equal(t, 401, r.call(t, "POST", "/v1/api/auth/refresh", "", `{}`).StatusCode)

	require.Equal(t, 403, r.call(t, "GET", "/v1/api/settings/invite-code", bob, "").StatusCode)
	fresh := r.call(t, "POST", "/v1/api/settings/generate-invite-code", admin, "")
	require.Equal(t, 200, fresh.StatusCode)
	require.Equal(t, fresh.json(t)["inviteCode"], r.call(t, "GET", "/v1/api/settings/invite-code", admin, "").json(t)["inviteCode"])
	set := r.call(t, "PUT", "/v1/api/settings/regenerate-setting", admin, `{"regenerateAfterSignup":true}`)
	require.Equal(t, true, set.json(t)["regenerateAfterSignup"])
}

func requireUser(t *testing.T, a answer, role string) {
	t.Helper()
	user, ok := a.json(t)["user"].(map[string]any)
	require.True(t, ok, a.text)
	for _, field := range userFields() {
		require.Contains(t, user, field)
	}
	require.Len(t, user, len(userFields()))
	require.Equal(t, role, user["role"])
	require.NotContains(t, a.text, "$2a$")
}

func TestSystemRoutes(t *testing.T) {
	t.Parallel()
	r := startIn(t, t.TempDir())
	require.JSONEq(t, `{"status":"ok"}`, r.call(t, "GET", "/healthz", "", "").text)
	require.Equal(t, 200, r.call(t, "HEAD", "/readyz", "", "").StatusCode)
	ready := r.call(t, "GET", "/readyz", "", "").json(t)
	require.Equal(t, "ready", ready["status"])
	require.Contains(t, ready["checks"], "database")
	require.Equal(t, "success", r.call(t, "GET", "/v1", "", "").json(t)["status"])
	require.Contains(t, r.call(t, "GET", "/metrics", "", "").text, `kubeorch_http_requests_total{method="GET",route="/v1",status="200"} 1`)
	require.Contains(t, r.call(t, "GET", "/v1/api-docs", "", "").text, "openapi: 3.1")
	require.Equal(t, "3.1.0", r.call(t, "GET", "/v1/api-docs/json", "", "").json(t)["openapi"])
}

func TestMetricsOnTheirOwnPort(t *testing.T) {
	t.Parallel()
	r := startIn(t, t.TempDir(), "METRICS_LISTEN", "127.0.0.1:0")
	require.Equal(t, 404, r.call(t, "GET", "/metrics", "", "").StatusCode)
	require.Contains(t, r.log.String(), "msg=metrics addr=127.0.0.1:")
}

func TestEdge(t *testing.T) {
	t.Parallel()
	r := startIn(t, t.TempDir(), "MAX_BODY_BYTES", "2000")
	const login = "/v1/api/auth/login"
	for name, tc := range map[string]struct {
		method, path, token, body string
		status                    int
		want                      string
	}{
		"unknown path":            {"GET", "/v1/api/nothing", "", "", 404, "no such path"},
		"unknown method":          {"DELETE", login, "", "", 405, "method"},
		"no token":                {"GET", "/v1/api/profile", "", "", 401, "sign in"},
		"a spoilt token":          {"GET", "/v1/api/profile", "x.y.z", "", 401, "session"},
		"20 KB of token":          {"GET", "/v1/api/profile", strings.Repeat("a", 20_000), "", 401, "sign in"},
		"20 KB of token, refresh": {"POST", "/v1/api/auth/refresh", strings.Repeat("a", 20_000), "", 401, "session"},
		"a large body":            {"POST", login, "", `{"email":"` + strings.Repeat("a", 3000) + `"}`, 413, "2000 bytes"},
		"no JSON":                 {"POST", login, "", `email=a`, 400, "JSON"},
		"a wrong type":            {"POST", login, "", `{"email":7}`, 400, "field email"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := r.call(t, tc.method, tc.path, tc.token, tc.body, "Origin", "http://localhost:3001", "X-Request-ID", "trace-7")
			require.Equal(t, tc.status, res.StatusCode, res.text)
			require.Contains(t, res.json(t)["error"], tc.want)
			require.Equal(t, res.json(t)["error"], res.json(t)["message"])
			require.Equal(t, "http://localhost:3001", res.Header.Get("Access-Control-Allow-Origin"), "browsers hide errors without it")
			require.Equal(t, "trace-7", res.Header.Get("X-Request-ID"))
		})
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	r := startIn(t, t.TempDir())
	r.call(t, "GET", "/v1", "", "", "X-Request-ID", "trace-8")
	for _, bad := range []string{"", "a b", strings.Repeat("a", 65), `x"y`} {
		res := r.call(t, "GET", "/v1", "", "", "X-Request-ID", bad)
		require.NotEqual(t, bad, res.Header.Get("X-Request-ID"))
		require.NotEmpty(t, res.Header.Get("X-Request-ID"))
	}
	require.Contains(t, r.stoppedLog(t), "request_id=trace-8")
}

func TestCORS(t *testing.T) {
	t.Parallel()
	r := startIn(t, t.TempDir(), "CORS_ALLOWED_ORIGINS", "https://app.example,http://localhost:3001")
	preflight := r.call(t, "OPTIONS", "/v1/api/profile", "", "", "Origin", "https://app.example",
		"Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization,content-type,if-match,last-event-id")
	require.Equal(t, http.StatusNoContent, preflight.StatusCode)
	require.Equal(t, "https://app.example", preflight.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "true", preflight.Header.Get("Access-Control-Allow-Credentials"))
	require.Equal(t, "43200", preflight.Header.Get("Access-Control-Max-Age"))
	for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		require.Contains(t, preflight.Header.Get("Access-Control-Allow-Methods"), m)
	}
	allowed := strings.ToLower(preflight.Header.Get("Access-Control-Allow-Headers"))
	for _, h := range []string{"authorization", "content-type", "if-match", "last-event-id"} {
		require.Contains(t, allowed, h)
	}
	ok := r.call(t, "GET", "/v1", "", "", "Origin", "https://app.example")
	require.Contains(t, strings.ToLower(ok.Header.Get("Access-Control-Expose-Headers")), "etag")

	foreign := r.call(t, "GET", "/v1", "", "", "Origin", "https://evil.example")
	require.Equal(t, 403, foreign.StatusCode)
	require.Empty(t, foreign.Header.Get("Access-Control-Allow-Origin"))
	require.NotEmpty(t, foreign.json(t)["error"])
	same := r.call(t, "GET", "/v1", "", "", "Origin", r.url)
	require.Equal(t, 200, same.StatusCode, "a page served from this very host")
}
