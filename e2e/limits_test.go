package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// behindProxy makes a server believe the tests who they are.
func behindProxy(env ...string) []string { return append(env, "TRUSTED_PROXIES", "127.0.0.1") }

// client sends a request as somebody at address, who uses the web frontend.
func (s *server) client(t *testing.T, address, method, path, token, body string) answer {
	t.Helper()
	return s.call(t, method, path, token, body, "X-Forwarded-For", address, "Origin", "http://localhost:3001")
}

// requireTooMany checks a refusal, and returns how long to wait.
func requireTooMany(t *testing.T, res answer) time.Duration {
	t.Helper()
	require.Equal(t, http.StatusTooManyRequests, res.StatusCode, res.text)
	seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, seconds, 1)
	require.NotEmpty(t, res.json(t)["error"])
	require.Equal(t, res.json(t)["error"], res.json(t)["message"])
	require.Equal(t, "http://localhost:3001", res.Header.Get("Access-Control-Allow-Origin"), "browsers hide the status without it")
	require.Contains(t, res.Header.Get("Access-Control-Expose-Headers"), "Retry-After")
	return time.Duration(seconds) * time.Second
}

// untilTooMany sends requests until one is refused, and returns how many were
// not.
func untilTooMany(t *testing.T, send func(i int) answer) (served int) {
	t.Helper()
	for i := range 100 {
		res := send(i)
		if res.StatusCode == http.StatusTooManyRequests {
			requireTooMany(t, res)
			return i
		}
	}
	require.Fail(t, "100 requests were served")
	return 0
}

// slow is a rate that gives nothing back while a test takes.
func slow() []string { return []string{"RATE_LIMIT_RPS", "1", "RATE_LIMIT_BURST", "10"} }

func TestRateOfAClient(t *testing.T) {
	t.Parallel()
	r := startIn(t, t.TempDir(), slow()...)
	for range 30 {
		res := r.call(t, "OPTIONS", "/v1/api/profile", "", "", "Origin", "http://localhost:3001", "Access-Control-Request-Method", "PUT")
		require.Equal(t, http.StatusNoContent, res.StatusCode, "preflights are not counted")
		require.Equal(t, http.StatusOK, r.call(t, "GET", "/healthz", "", "").StatusCode, "nor are probes")
	}
	served := untilTooMany(t, func(i int) answer {
		return r.client(t, fmt.Sprintf("203.0.113.%d", i), "GET", "/v1", "", "") // nobody has to believe that
	})
	require.GreaterOrEqual(t, served, 10)
	requireTooMany(t, r.client(t, "", "GET", "/nothing/like/that", "", ""))
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		require.Equal(t, http.StatusOK, r.call(t, "GET", path, "", "").StatusCode)
	}
}

func TestWhoseForwardedForCounts(t *testing.T) {
	t.Parallel()
	r := startIn(t, t.TempDir(), behindProxy(slow()...)...)
	untilTooMany(t, func(i int) answer { // what the client itself wrote before the proxy did counts for nothing
		return r.client(t, fmt.Sprintf("203.0.113.%d, 198.51.100.1", i), "GET", "/v1", "", "")
	})
	require.Equal(t, http.StatusOK, r.client(t, "198.51.100.2", "GET", "/v1", "", "").StatusCode)
	untilTooMany(t, func(i int) answer { return r.client(t, fmt.Sprintf("2001:db8:1:2::%d", i+1), "GET", "/v1", "", "") })
	require.Equal(t, http.StatusOK, r.client(t, "2001:db8:1:3::1", "GET", "/v1", "", "").StatusCode)
}

func TestRateOfAnAccount(t *testing.T) {
	t.Parallel()
	ann := start(t, behindProxy("RATE_LIMIT_RPS", "1", "RATE_LIMIT_BURST", "5")...).ann()
	served := untilTooMany(t, func(i int) answer {
		return ann.client(t, fmt.Sprintf("203.0.113.%d", i), "GET", "/v1/api/profile", ann.token, "")
	})
	require.GreaterOrEqual(t, served, 20)
	bob := ann.bob()
	require.Equal(t, http.StatusOK, bob.client(t, "203.0.113.1", "GET", "/v1/api/profile", bob.token, "").StatusCode)
}

// Logging in is limited much more tightly than the rest, row by row.
func TestRatesOfLoggingIn(t *testing.T) {
	t.Parallel()
	ann := start(t, behindProxy("RATE_LIMIT_AUTH_PER_MINUTE", "2")...).ann()
	for path, want := range map[string]int{"/auth/register": 1, "/auth/login": 2, "/auth/refresh": 6} {
		served := untilTooMany(t, func(int) answer { return ann.client(t, "203.0.113.1", "POST", api+path, "", "{}") })
		require.InDelta(t, want, served, 1, path)
		require.NotEqual(t, http.StatusTooManyRequests, ann.client(t, "203.0.113.2", "POST", api+path, "", "{}").StatusCode, path)
	}
	untilTooMany(t, func(i int) answer {
		return ann.client(t, fmt.Sprintf("203.0.113.%d", i+10), "PUT", api+"/profile/password", ann.token, "{}")
	})
	require.Equal(t, http.StatusOK, ann.client(t, "203.0.113.1", "GET", "/v1", "", "").StatusCode, "the rest goes on")
}

func login(email, password string) string {
	return `{"email":"` + email + `","password":"` + password + `"}`
}

// Ann signed up from where the tests are. Attackers make her account wait for
// others, but not for her.
func TestAccountIsNotLockedOut(t *testing.T) {
	t.Parallel()
	r := start(t, behindProxy()...)
	for i := range 5 {
		res := r.client(t, fmt.Sprintf("203.0.113.%d", i), "POST", api+"/auth/login", "", login("ann@example.org", "wrong-1"))
		require.Equal(t, http.StatusUnauthorized, res.StatusCode, res.text)
	}
	// The sixth is fast: no password is looked at.
	var refused answer
	require.Eventually(t, func() bool {
		refused = r.client(t, "203.0.113.9", "POST", api+"/auth/login", "", login("ann@example.org", "secret1"))
		return refused.StatusCode == http.StatusTooManyRequests || refused.StatusCode == http.StatusOK
	}, time.Minute, time.Millisecond)
	if refused.StatusCode == http.StatusTooManyRequests { // else hashing took longer than the delay
		require.LessOrEqual(t, requireTooMany(t, refused), 30*time.Second)
	}
	res := r.call(t, "POST", api+"/auth/login", "", login("ann@example.org", "secret1"))
	require.Equal(t, http.StatusOK, res.StatusCode, res.text)
}

func TestGuessingInviteCodes(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	r := startIn(t, dir, behindProxy()...)
	ann := r.ann()
	settings := ann.ask(t, http.StatusOK, "GET", "/settings/regenerate-setting", nil)
	require.EqualValues(t, 0, settings["failedAttempts"])
	right, _ := settings["inviteCode"].(string)
	begin, guesses := time.Now(), 0
	for i := range 30 {
		code := fmt.Sprintf("%06d", i)
		if code == right {
			continue
		}
		body := `{"name":"Eve","email":"eve@example.org","password":"secret1","inviteCode":"` + code + `"}`
		res := r.client(t, fmt.Sprintf("198.51.100.%d", i), "POST", api+"/auth/register", "", body)
		if res.StatusCode == http.StatusTooManyRequests {
			requireTooMany(t, res)
			continue
		}
		require.Equal(t, http.StatusForbidden, res.StatusCode, res.text)
		guesses++
	}
	require.Equal(t, 20, guesses)
	t.Logf("30 guesses, of which %d counted, took %s", guesses, time.Since(begin).Round(time.Millisecond))
	settings = ann.ask(t, http.StatusOK, "GET", "/settings/regenerate-setting", nil)
	require.EqualValues(t, 20, settings["failedAttempts"])
	require.NotEmpty(t, settings["lastFailedAt"])

	r.stop(t)
	again := startIn(t, dir, behindProxy()...)
	require.Equal(t, http.StatusTooManyRequests, again.register(t, "eve@example.org", right).StatusCode, "a restart gives nothing new")
	ann = again.ann()
	invite := ann.ask(t, http.StatusCreated, "POST", "/settings/invites", object{"email": "Cid@example.org"})
	code, _ := invite["code"].(string)
	again.signUp(t, "cid@example.org", code)
}

func TestPersonalInvitesOverHTTP(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	ann := startIn(t, dir, "FRONTEND_URL", "https://app.example").ann()
	made := ann.ask(t, http.StatusCreated, "POST", "/settings/invites",
		object{"email": "Dan@Example.org", "role": "admin", "expiresInHours": 2, "note": "new colleague"})
	code, _ := made["code"].(string)
	require.Regexp(t, `^[A-Z2-7]{26,}$`, code)
	require.Equal(t, "https://app.example/signup?invite="+code, made["link"])
	invite, _ := made["invite"].(object)
	require.Equal(t, "dan@example.org", invite["email"])
	require.NotContains(t, invite, "usedAt")
	ann.bob().ask(t, http.StatusForbidden, "GET", "/settings/invites", nil)
	ann.bob().ask(t, http.StatusForbidden, "POST", "/settings/invites", object{})

	other := ann.ask(t, http.StatusCreated, "POST", "/settings/invites", nil)
	otherID := other["invite"].(object)["id"].(string)
	ann.ask(t, http.StatusOK, "DELETE", "/settings/invites/"+otherID, nil)
	require.Equal(t, http.StatusForbidden, ann.register(t, "eve@example.org", other["code"].(string)).StatusCode)
	require.Equal(t, http.StatusForbidden, ann.register(t, "eve@example.org", code).StatusCode)

	created := ann.register(t, "DAN@example.org", code)
	require.Equal(t, http.StatusCreated, created.StatusCode, created.text)
	require.Equal(t, "admin", created.json(t)["user"].(object)["role"])
	require.Equal(t, http.StatusForbidden, ann.register(t, "dan2@example.org", code).StatusCode)
	ann.ask(t, http.StatusConflict, "DELETE", "/settings/invites/"+invite["id"].(string), nil)
	ann.ask(t, http.StatusNotFound, "DELETE", "/settings/invites/nothing", nil)

	res := ann.call(t, "GET", api+"/settings/invites?page=1&limit=1", ann.token, "")
	require.NotContains(t, res.text, code, "the code is shown once")
	page := res.json(t)
	require.EqualValues(t, 2, page["total"])
	require.Len(t, page["invites"], 1)
	require.Equal(t, "revoked", page["invites"].([]any)[0].(object)["state"])
	ann.stop(t)
	for _, data := range readAll(t, dir) {
		require.NotContains(t, string(data), code, "it is stored as a hash")
	}
	require.NotContains(t, ann.log.String(), code)
}

// Whatever is sent to the public routes is refused within milliseconds.
func TestAbsurdInputOfStrangers(t *testing.T) {
	t.Parallel()
	r := start(t)
	long := strings.Repeat("a", 1<<20)
	bodies := badBodies()
	bodies["a long address"] = `{"name":"a","email":"` + long + `@example.org","password":"secret1","inviteCode":"123456"}`
	bodies["operators everywhere"] = `{"name":"a","email":{"$gt":""},"password":{"$gt":""},"inviteCode":{"$gt":""}}`
	for _, path := range []string{"/auth/register", "/auth/login", "/auth/refresh"} {
		for name, body := range bodies {
			r.refuses(t, path, name, body)
		}
		// Clients ask before they send so much, as curl does.
		r.refuses(t, path, "100 MB", `{"name":"`+strings.Repeat("a", 100<<20)+`"}`, "Expect", "100-continue")
	}
	for name, body := range map[string]string{
		"a long name":          `{"name":"` + long + `","email":"a@example.org","password":"secret1","inviteCode":"123456"}`,
		"a long code":          `{"name":"a","email":"a@example.org","password":"secret1","inviteCode":"` + long + `"}`,
		"a long password":      `{"name":"a","email":"a@example.org","password":"` + long + `","inviteCode":"123456"}`,
		"operators for a code": `{"name":"a","email":"a@example.org","password":"secret1","inviteCode":{"$gt":""}}`,
		"a code given twice":   `{"name":"a","email":"a@example.org","password":"secret1","inviteCode":"1","inviteCode":"2"}`,
	} {
		r.refuses(t, "/auth/register", name, body)
	}
}

func (s *server) refuses(t *testing.T, path, name, body string, header ...string) {
	t.Helper()
	begin := time.Now()
	res := s.call(t, "POST", api+path, "", body, header...)
	t.Logf("%-15s %-21s %d in %s", path, name, res.StatusCode, time.Since(begin).Round(100*time.Microsecond))
	require.GreaterOrEqual(t, res.StatusCode, 400, name)
	require.Less(t, res.StatusCode, 500, name)
	require.NotEmpty(t, res.json(t)["message"])
}
