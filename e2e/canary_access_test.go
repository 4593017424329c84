package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCredentialsStayWhereTheyBelong is about what lets people and servers in:
// it is shown once, or never, and found nowhere afterwards.
func TestCredentialsStayWhereTheyBelong(t *testing.T) {
	t.Parallel()
	given := map[string]string{
		"provider secret": "canary-provider-secret-4Lp", "code": "canary-code-of-a-provider", "state": "canary-state-of-a-browser",
		"exchanged": "canary-one-time-code-2Vb", "client secret": "canary-oidc-client-secret", "refresh token": "canary-oidc-refresh-token",
		"rotated": "canary-oidc-refresh-again", "wrong password": "canary-wrong-password-1", "basic": "canary-basic-credentials",
		"wrong invite": "canary-invite-that-is-wrong", "wrong ticket": "canary-ticket-that-is-wrong",
	}
	dir := dataDir(t)
	r := startIn(t, dir, "AUTH_PROVIDERS", `[{"NAME":"corp","TYPE":"oidc","CLIENT_ID":"c","ISSUER_URL":"http://127.0.0.1:1","CLIENT_SECRET":"`+given["provider secret"]+`"}]`)
	ann := r.ann()
	var said strings.Builder // all answers but those that hand something out
	tell := func(token, method, path, body string, header ...string) answer {
		res := r.call(t, method, api+path, token, body, header...)
		said.WriteString(res.text + res.Header.Get("Location"))
		return res
	}
	handedOut := func(token, method, path, body, key string) string {
		res := r.call(t, method, api+path, token, body)
		require.Less(t, res.StatusCode, 300, res.text)
		secret, _ := res.json(t)[key].(string)
		return secret
	}

	// Tokens, invites, tickets.
	token := handedOut(ann.token, "POST", "/profile/tokens", `{"name":"ci","scope":"admin"}`, "token")
	invite := handedOut(ann.token, "POST", "/settings/invites", `{"email":"dan@example.org"}`, "code")
	ticket := handedOut(ann.token, "POST", "/auth/ws-ticket", "", "ticket")
	require.Equal(t, http.StatusOK, tell(token, "GET", "/profile", "").StatusCode)
	tell("", "GET", "/profile?token="+token+"&ticket="+ticket+given["wrong ticket"], "")
	tell("", "GET", "/profile", "", "Authorization", "Basic "+given["basic"])
	tell(token, "POST", "/auth/refresh", "{}")
	register := `{"name":"Dan","email":"dan@example.org","password":"secret1","inviteCode":"`
	require.Equal(t, http.StatusForbidden, tell("", "POST", "/auth/register", register+given["wrong invite"]+`"}`).StatusCode)
	session := handedOut("", "POST", "/auth/register", register+invite+`"}`, "token")
	tell(session, "PUT", "/profile/password", `{"currentPassword":"`+given["wrong password"]+`","newPassword":"`+given["wrong password"]+`"}`)

	// Providers.
	tell("", "GET", "/auth/methods", "")
	tell("", "GET", "/auth/oauth/corp/authorize", "", "Accept", "text/html")
	tell("", "GET", "/auth/oauth/corp/callback?"+url.Values{"state": {given["state"]}, "code": {given["code"]}}.Encode(), "")
	tell("", "POST", "/auth/oauth/exchange", `{"code":"`+given["exchanged"]+`"}`)

	// Clusters that are logged in to through an issuer.
	oidc := object{"oidcIssuerUrl": "https://127.0.0.1:1", "oidcClientId": "c", "oidcClientSecret": given["client secret"], "oidcRefreshToken": given["refresh token"]}
	added := tell(ann.token, "POST", "/clusters", encoded(t, object{"name": "far", "server": "https://127.0.0.1:1", "authType": "oidc", "credentials": oidc}))
	require.Equal(t, http.StatusCreated, added.StatusCode, added.text)
	tell(ann.token, "PUT", "/clusters/far/credentials", `{"credentials":{"oidcRefreshToken":"`+given["rotated"]+`"}}`)
	tell(ann.token, "POST", "/clusters/far/share", `{"targetEmail":"bob@example.org","role":"editor"}`)
	tell(ann.token, "POST", "/clusters/far/test", "")

	for _, path := range []string{
		"/profile/tokens", "/profile/sessions", "/settings/invites", "/admin/users", "/admin/audit?limit=200",
		"/clusters", "/clusters/far", "/clusters/far/logs", "/clusters/far/shares", "/metrics/overview",
	} {
		require.Equal(t, http.StatusOK, tell(ann.token, "GET", path, "").StatusCode, path)
	}
	said.WriteString(r.call(t, "GET", "/metrics", "", "").text)

	canaries := []canary{
		{"API token", strings.TrimPrefix(token, "kubeorch_")[8:]}, // the beginning tells tokens apart
		{"invite", invite}, {"ticket", ticket}, {"session", session[strings.LastIndex(session, ".")+1:]},
	}
	for name, value := range given {
		canaries = append(canaries, canary{name, value})
	}
	foundNowhere(t, r, dir, "dan@example.org", canaries, map[string][]byte{"an answer": []byte(said.String())})
}
