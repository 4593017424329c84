package e2e

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
	"github.com/kubeorch/core/pkg/oauth/oauthtest"
)

const (
	baseURL     = "http://kubeorch.test"
	frontendURL = "http://app.test"
	callbackURL = baseURL + "/v1/api/auth/oauth/corp/callback"
)

// providerServer is a server that people enter through a provider, as their browsers
// reach it: under a name, behind a proxy.
type providerServer struct {
	*server

	provider *oauthtest.Provider
}

func startWithProvider(t *testing.T, dir string, env ...string) *providerServer {
	t.Helper()
	g := &providerServer{provider: oauthtest.Start(t, callbackURL)}
	corp := object{"NAME": "corp", "DISPLAY_NAME": "The Corp", "TYPE": "oidc", "ENABLED": true, "CLIENT_ID": oauthtest.ClientID,
		"ISSUER_URL": g.provider.URL, "ICON": "lock"}
	off := object{"NAME": "off", "TYPE": "oidc", "ENABLED": false}
	g.server = startIn(t, dir, append([]string{
		"AUTH_PROVIDERS", encoded(t, []object{corp, off}), "AUTH_PROVIDERS_CORP_CLIENT_SECRET", oauthtest.ClientSecret,
		"BASE_URL", baseURL, "FRONTEND_URL", frontendURL,
	}, env...)...)
	return g
}

// browser is a browser of somebody with an account at the provider, or of
// somebody who cancels.
func (g *providerServer) browser(t *testing.T, email string) *oauthtest.Browser {
	t.Helper()
	hosts := map[string]string{"kubeorch.test": strings.TrimPrefix(g.url, "http://")}
	return oauthtest.NewBrowser(t, hosts, frontendURL).As(email)
}

const authorize = baseURL + "/v1/api/auth/oauth/corp/authorize"

func (g *providerServer) exchange(t *testing.T, code string) answer {
	t.Helper()
	return g.call(t, "POST", "/v1/api/auth/oauth/exchange", "", encoded(t, object{"code": code}))
}

// requireCode requires that a browser ended at the frontend with a code.
func requireCode(t *testing.T, at *url.URL) (code string) {
	t.Helper()
	require.Equal(t, "/auth/callback", at.Path, at)
	code = at.Query().Get("code")
	require.NotEmpty(t, code)
	require.Len(t, at.Query(), 1)
	return code
}

// requireRefused requires that a browser ended at the login page with a text.
func requireRefused(t *testing.T, at *url.URL, text string) {
	t.Helper()
	require.Equal(t, "/login", at.Path, at)
	require.Contains(t, at.Query().Get("error"), text)
}

func TestLoginThroughProvider(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := startWithProvider(t, dir, "AUTH_BUILTIN_ENABLED", "false")
	g.provider.Add("ann@example.org", "Ann Example", true)
	methods := g.call(t, "GET", "/v1/api/auth/methods", "", "")
	require.JSONEq(t, `{"builtin":{"enabled":false,"signupEnabled":false},
		"providers":[{"name":"corp","displayName":"The Corp","icon":"lock"}]}`, methods.text)

	ann := g.browser(t, "ann@example.org")
	code := requireCode(t, ann.Open(t, authorize))
	require.Empty(t, ann.Cookies(t, callbackURL), "the state's cookie is gone")
	session := g.exchange(t, code)
	require.Equal(t, http.StatusOK, session.StatusCode, session.text)
	requireUser(t, session, "admin")
	user, _ := session.json(t)["user"].(object)
	require.Equal(t, "ann@example.org", user["email"])
	require.Equal(t, "Ann Example", user["name"])
	require.Equal(t, "corp", user["authProvider"])
	token, _ := session.json(t)["token"].(string)
	require.Equal(t, http.StatusOK, g.call(t, "GET", "/v1/api/profile", token, "").StatusCode)
	admin := g.as(token)
	require.Len(t, admin.ask(t, http.StatusOK, "GET", "/settings/invite-code", nil)["inviteCode"], 6)
	refreshed := g.call(t, "POST", "/v1/api/auth/refresh", token, "{}")
	require.Contains(t, refreshed.text, `"authProvider":"corp"`)

	for name, body := range map[string]string{"used": encoded(t, object{"code": code}), "unknown": `{"code":"x"}`} {
		require.Equal(t, http.StatusUnauthorized, g.call(t, "POST", "/v1/api/auth/oauth/exchange", "", body).StatusCode, name)
	}
	for name, body := range map[string]string{"missing": `{}`, "no text": `{"code":{"$gt":""}}`, "nothing": ""} {
		require.Equal(t, http.StatusBadRequest, g.call(t, "POST", "/v1/api/auth/oauth/exchange", "", body).StatusCode, name)
	}

	again := g.exchange(t, requireCode(t, ann.Open(t, authorize)))
	require.Equal(t, user, again.json(t)["user"], "the same account")
	g.provider.Rotate()
	require.Equal(t, http.StatusOK, g.exchange(t, requireCode(t, ann.Open(t, authorize))).StatusCode, "with another key")

	requireRefused(t, g.browser(t, "").Open(t, authorize), "cancelled")
	trail, _ := admin.ask(t, http.StatusOK, "GET", "/admin/audit?action=auth.provider_login", nil)["entries"].([]any)
	require.Len(t, trail, 4)
	denied, first := trail[0].(object), trail[3].(object)
	require.Equal(t, "denied", denied["outcome"])
	require.NotContains(t, denied, "actor")
	require.Equal(t, []any{"success", "ann@example.org", object{"account": "created"}}, []any{first["outcome"], first["actor"], first["details"]})

	secrets := []string{code, token, oauthtest.ClientSecret}
	log := g.stoppedLog(t)
	for _, secret := range secrets {
		require.NotContains(t, log, secret)
	}
	for path, data := range readAll(t, dir) {
		for _, secret := range secrets {
			require.NotContains(t, string(data), secret, path)
		}
	}
}

func TestLoginThroughProviderRefused(t *testing.T) {
	t.Parallel()
	g := startWithProvider(t, t.TempDir())
	g.provider.Add("ann@example.org", "Ann Example", true)
	g.provider.Add("eve@example.org", "Eve", false)
	requireRefused(t, g.browser(t, "").Open(t, authorize), "the login at The Corp was cancelled")
	requireRefused(t, g.browser(t, "eve@example.org").Open(t, authorize), "not verified at The Corp")
	requireRefused(t, g.browser(t, "").Open(t, baseURL+"/v1/api/auth/oauth/off/authorize"), "no such provider")
	requireRefused(t, g.browser(t, "").Open(t, baseURL+"/v1/api/auth/oauth/nobody/callback?code=x&state=y"), "no such provider")
	requireRefused(t, g.browser(t, "").Open(t, callbackURL+"?error=x&error_description=call+555-1234"), "this login has expired")
	off := g.call(t, "GET", "/v1/api/auth/oauth/off/authorize", "", "")
	require.Equal(t, http.StatusNotFound, off.StatusCode)
	require.Equal(t, off.json(t)["error"], off.json(t)["message"])

	// What Ann's browser is to bring back, taken from it.
	ann := g.browser(t, "ann@example.org")
	ann.StopAt(callbackURL)
	back := ann.Open(t, authorize).String()
	requireRefused(t, g.browser(t, "").Open(t, back), "begun in another browser")

	// The first attempt is spent now; a second one, and in another tab a third.
	second, third := ann.Open(t, authorize).String(), ann.Open(t, authorize).String()
	cookies := ann.Cookies(t, second)
	require.Len(t, cookies, 3)
	require.Empty(t, ann.Cookies(t, baseURL+"/v1/api/profile"), "for the callback alone")
	ann = ann.Resume(frontendURL)
	requireCode(t, ann.Open(t, third))
	code := requireCode(t, ann.Open(t, second))
	requireRefused(t, ann.Open(t, second), "finished already")
	require.Equal(t, http.StatusOK, g.exchange(t, code).StatusCode)
	require.Len(t, ann.Cookies(t, second), 1, "that of the attempt which another browser tried to finish")
}

func TestProviderOutage(t *testing.T) {
	t.Parallel()
	g := startWithProvider(t, t.TempDir())
	g.provider.Add("ann@example.org", "Ann Example", true)
	g.provider.SetDown(true)
	requireRefused(t, g.browser(t, "").Open(t, authorize), "The Corp does not answer")
	require.Equal(t, http.StatusServiceUnavailable, g.call(t, "GET", "/v1/api/auth/oauth/corp/authorize", "", "").StatusCode)
	require.Equal(t, http.StatusCreated, g.register(t, "bob@example.org", "").StatusCode, "passwords go on")
	g.provider.SetDown(false)
	kubetest.Eventually(t, "a login after the outage", func(context.Context) error {
		if at := g.browser(t, "ann@example.org").Open(t, authorize); at.Path != "/auth/callback" {
			return errors.New(at.String())
		}
		return nil
	})
}

// Bob's account was made with a password. It becomes that of the one who owns
// the address.
func TestProviderTakesPasswordAccount(t *testing.T) {
	t.Parallel()
	g := startWithProvider(t, dataDir(t))
	g.provider.Add("bob@example.org", "Bob", true)
	before := g.bob().ask(t, http.StatusOK, "GET", "/profile", nil)
	session := g.exchange(t, requireCode(t, g.browser(t, "bob@example.org").Open(t, authorize)))
	require.Equal(t, http.StatusOK, session.StatusCode, session.text)
	user, _ := session.json(t)["user"].(object)
	require.Contains(t, encoded(t, before), user["id"])
	require.Equal(t, "corp", user["authProvider"])
	require.Equal(t, http.StatusUnauthorized, g.call(t, "GET", "/v1/api/profile", accounts.bob, "").StatusCode, "older sessions are over")
	login := g.call(t, "POST", "/v1/api/auth/login", "", `{"email":"bob@example.org","password":"secret1"}`)
	require.Equal(t, http.StatusUnauthorized, login.StatusCode)
}
