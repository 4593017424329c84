package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// anyBearer is as much of an API server as a test of the connection needs. It
// accepts every token.
func anyBearer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer "):
		w.WriteHeader(http.StatusUnauthorized)
	case strings.HasSuffix(r.URL.Path, "/selfsubjectreviews"):
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1","status":{"userInfo":{"username":"ann"}}}`)
	case r.URL.Path == "/version":
		_, _ = io.WriteString(w, `{"gitVersion":"v1.99.0","platform":"linux/amd64"}`)
	default:
		w.WriteHeader(http.StatusForbidden)
	}
}

// When the issuer is at fault the text says so, within the time of a test, and
// when it is mended the cluster is there again.
func TestIssuerGoesAndReturns(t *testing.T) {
	t.Parallel()
	signer, issuer := newAuthority(t), kubetest.NewIssuer(t)
	url := serveTLS(t, signer.serving(t, leaf{}), anyBearer)
	ann := start(t).ann()
	refresh := issuer.Login()
	in := object{"name": dev, "server": url, "authType": "oidc", "credentials": object{
		"oidcIssuerUrl": issuer.URL, "oidcClientId": issuer.ClientID, "oidcClientSecret": issuer.ClientSecret,
		"oidcRefreshToken": refresh, "caData": signer.pem + string(issuer.CA()),
	}}
	issuer.Break(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	begin := time.Now()
	added := ann.ask(t, http.StatusCreated, "POST", "/clusters", in)["cluster"].(object)
	require.Less(t, time.Since(begin), 15*time.Second)
	require.Equal(t, "disconnected", added["status"])
	require.Equal(t, "the OIDC issuer "+issuer.URL+" did not answer in time", added["lastError"])

	issuer.Break(respond(http.StatusServiceUnavailable, "text/plain", "down"))
	tested := ann.ask(t, http.StatusServiceUnavailable, "POST", "/clusters/dev/test", nil)
	require.Contains(t, tested["error"], "the OIDC issuer "+issuer.URL+" is not available: it answered 503")
	issuer.Break(nil)
	ann.ask(t, http.StatusOK, "POST", "/clusters/dev/test", nil)

	ann.ask(t, http.StatusOK, "PUT", "/clusters/dev/credentials", object{"credentials": object{"oidcRefreshToken": "revoked-token"}})
	tested = ann.ask(t, http.StatusServiceUnavailable, "POST", "/clusters/dev/test", nil)
	require.Contains(t, tested["error"], "does not accept the refresh token any more")
	ann.ask(t, http.StatusOK, "PUT", "/clusters/dev/credentials", object{"credentials": object{"oidcRefreshToken": issuer.Login()}})
	ann.ask(t, http.StatusOK, "POST", "/clusters/dev/test", nil)
	log := ann.stoppedLog(t)
	for _, secret := range []string{refresh, issuer.Newest(), issuer.ClientSecret, "revoked-token"} {
		require.NotContains(t, log, secret)
	}
}

// Garbage in any field of the credentials is told by the field's name, and
// nothing of it is in the answer.
func TestGarbageCredentials(t *testing.T) {
	t.Parallel()
	const garbage = "s3cret-garbage\x01"
	ann := start(t).ann()
	cert, key := newAuthority(t).sign(t, leaf{name: "ann"})
	login := func(field string) object {
		o := object{"oidcIssuerUrl": "https://127.0.0.1:1", "oidcClientId": "id", "oidcClientSecret": "secret", "oidcRefreshToken": "token"}
		o[field] = garbage
		return o
	}
	user := func(entry string) object {
		return object{"kubeconfig": `{current-context: one, contexts: [{name: one, context: {cluster: c, user: u}}],
			clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: u, user: {` + entry + `}}]}`}
	}
	for _, tc := range []struct {
		authType string
		cred     object
		field    string
		text     string
	}{
		{"token", object{}, "credentials.token", "is required"},
		{"token", object{"token": " "}, "credentials.token", "is required"},
		{"token", object{"token": garbage}, "credentials.token", "one line"},
		{"token", object{"token": "t", "caData": garbage}, "credentials.caData", "PEM"},
		{"token", object{"token": "t", "caData": key}, "credentials.caData", "certificate"},
		{"serviceaccount", object{}, "credentials.token", "is required"},
		{"serviceAccount", object{"token": garbage}, "credentials.token", "one line"},
		{"certificate", object{"clientKeyData": key}, "credentials.clientCertData", "is required"},
		{"certificate", object{"clientCertData": garbage, "clientKeyData": key}, "credentials.clientCertData", "PEM"},
		{"certificate", object{"clientCertData": cert, "clientKeyData": garbage}, "credentials.clientKeyData", "PEM"},
		{"certificate", object{"clientCertData": cert, "clientKeyData": cert}, "credentials.clientKeyData", "private key"},
		{"kubeconfig", object{}, "credentials.kubeconfig", "is required"},
		{"kubeconfig", object{"kubeconfig": garbage}, "credentials.kubeconfig", "kubeconfig"},
		{"kubeconfig", user("exec: {command: sh, args: [s3cret-garbage]}"), "credentials.kubeconfig", "users[0].user.exec is not allowed"},
		{"kubeconfig", user("auth-provider: {name: gcp}"), "credentials.kubeconfig", "users[0].user.auth-provider is not allowed"},
		{"kubeconfig", user("client-key: /etc/shadow"), "credentials.kubeconfig", "users[0].user.client-key is not allowed"},
		{"kubeconfig", user("tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token"), "credentials.kubeconfig", "tokenFile is not allowed"},
		{"kubeconfig", user("token: t, as: root"), "credentials.kubeconfig", "users[0].user.as is not allowed"},
		{"kubeconfig", user("token: ''"), "credentials.kubeconfig", "holds no token"},
		{"oidc", login("oidcIssuerUrl"), "credentials.oidcIssuerUrl", "must be a URL"},
		{"oidc", login("oidcClientId"), "credentials.oidcClientId", "one line"},
		{"oidc", login("oidcClientSecret"), "credentials.oidcClientSecret", "one line"},
		{"oidc", login("oidcRefreshToken"), "credentials.oidcRefreshToken", "one line"},
		{"magic", object{"token": "t"}, "authType", "must be one of"},
		{"token", object{"token": "t", "namespace": "A B"}, "credentials.namespace", "lower case"},
	} {
		in := object{"name": dev, "server": "https://127.0.0.1:1", "authType": tc.authType, "credentials": tc.cred}
		answer := ann.ask(t, http.StatusBadRequest, "POST", "/clusters", in)
		require.Equal(t, []string{tc.field}, places(t, answer), "%s %v", tc.authType, answer)
		require.Contains(t, answer["error"], tc.text)
		require.NotContains(t, encoded(t, answer), "s3cret")
	}
	for server, text := range map[string]string{
		"": "is required", "http://127.0.0.1:1": "plain http", "https://a:s3cret@127.0.0.1:1": "user or password", "127.0.0.1:6443": "https://",
	} {
		answer := ann.ask(t, http.StatusBadRequest, "POST", "/clusters",
			object{"name": dev, "server": server, "authType": "token", "credentials": object{"token": "t"}})
		require.Equal(t, []string{"server"}, places(t, answer))
		require.Contains(t, answer["error"], text)
		require.NotContains(t, encoded(t, answer), "s3cret")
	}
	require.Empty(t, ann.ask(t, http.StatusOK, "GET", "/clusters", nil)["clusters"])
	require.NotContains(t, ann.stoppedLog(t), "s3cret")
}

// Plain http is for those who ask for it, as with a kubectl proxy.
func TestPlainHTTPWhenConfigured(t *testing.T) {
	t.Parallel()
	ann := start(t, "CLUSTER_ALLOW_HTTP", "true").ann()
	url := servePlain(t, anyBearer)
	added := ann.ask(t, http.StatusCreated, "POST", "/clusters",
		object{"name": dev, "server": url, "authType": "token", "credentials": object{"token": "t0ken"}})
	require.Equal(t, "connected", added["status"], added)
	answer := ann.ask(t, http.StatusBadRequest, "PUT", "/clusters/dev/credentials", object{"credentials": object{"caData": "x"}})
	require.Contains(t, answer["error"], "caData")
}
