package kubernetes

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

func TestBrokenIssuers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		serve http.HandlerFunc
		want  Reason
		text  string
	}{
		"down":         {status(503, "x", "x"), Busy, "is not available: it answered 503"},
		"silent":       {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, Timeout, "did not answer in time"},
		"web page":     {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, NotKubernetes, "does not answer like"},
		"1 GB":         {endless, NotKubernetes, "does not answer like"},
		"redirect":     {http.RedirectHandler("https://169.254.169.254/", http.StatusFound).ServeHTTP, NotKubernetes, "does not answer like"},
		"another name": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"issuer":"https://other"}`) }, NotKubernetes, "calls itself by another URL"},
		"echo": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.Copy(w, r.Body)
		}, NotKubernetes, "does not answer like"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer, api := kubetest.NewIssuer(t), newBearerOnly(t)
			issuer.Break(tc.serve)
			cfg := api.by(issuer, &vault{token: issuer.Login()})
			conn := connected(t, cfg)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			err := conn.Test(ctx)
			require.NoError(t, ctx.Err(), "took too long")
			require.Equal(t, tc.want, ReasonOf(err), "%v", err)
			require.ErrorContains(t, err, "the OIDC issuer "+issuer.URL+" "+tc.text)
			require.NotContains(t, err.Error(), cfg.OIDCRefreshToken)
			require.Zero(t, api.tokens())
		})
	}
}

func TestIssuerThatIsNotTrusted(t *testing.T) {
	t.Parallel()
	issuer, api := kubetest.NewIssuer(t), newBearerOnly(t)
	cfg := api.by(issuer, &vault{token: issuer.Login()})
	cfg.CAData = ""
	err := connected(t, cfg).Test(t.Context())
	require.Equal(t, TLS, ReasonOf(err), "insecure is about the cluster's certificate alone")
	require.ErrorContains(t, err, "put the CA")

	cfg = api.by(issuer, &vault{token: issuer.Login()})
	cfg.OIDCClientSecret = "wrong-secret"
	err = connected(t, cfg).Test(t.Context())
	require.ErrorContains(t, err, "does not accept the client id and secret")

	cfg.OIDCIssuerURL = "https://169.254.169.254"
	err = connected(t, cfg).Test(t.Context())
	require.Equal(t, NotAllowed, ReasonOf(err))
}

// After a refusal, requests do not ask the issuer again at once. Connection.Test
// does, since the issuer may have been repaired.
func TestRefusalIsRemembered(t *testing.T) {
	t.Parallel()
	issuer, api := kubetest.NewIssuer(t), newBearerOnly(t)
	conn := connected(t, api.by(issuer, &vault{token: "not-a-token"}))
	for range 5 {
		_, err := conn.RESTMapper(t.Context())
		require.Equal(t, Unauthorized, ReasonOf(err))
	}
	_, refused := issuer.Counts()
	require.Equal(t, 1, refused)
	require.Error(t, conn.Test(t.Context()))
	_, refused = issuer.Counts()
	require.Equal(t, 2, refused)
}

func TestOIDCFields(t *testing.T) {
	t.Parallel()
	good := func(change func(*Config)) Config {
		c := Config{
			Server: server, AuthType: AuthOIDC, OIDCIssuerURL: "https://login.example.org/realm", OIDCClientID: "a",
			OIDCClientSecret: "b", OIDCRefreshToken: "secret-text",
		}
		change(&c)
		return c
	}
	for name, tc := range map[string]struct {
		change      func(*Config)
		field, text string
	}{
		"fine":               {func(*Config) {}, "", ""},
		"public client":      {func(c *Config) { c.OIDCClientSecret = "" }, "", ""},
		"scopes":             {func(c *Config) { c.OIDCScopes = []string{"groups"} }, "", ""},
		"no issuer":          {func(c *Config) { c.OIDCIssuerURL = " " }, "oidcIssuerUrl", "is required"},
		"issuer is no URL":   {func(c *Config) { c.OIDCIssuerURL = "secret-text" }, "oidcIssuerUrl", "must be a URL"},
		"issuer over http":   {func(c *Config) { c.OIDCIssuerURL = "http://h" }, "oidcIssuerUrl", "https"},
		"issuer with a user": {func(c *Config) { c.OIDCIssuerURL = "https://a:b@h" }, "oidcIssuerUrl", "user or password"},
		"no client":          {func(c *Config) { c.OIDCClientID = "" }, "oidcClientId", "is required"},
		"secret of 2 lines":  {func(c *Config) { c.OIDCClientSecret = "secret-text\nb" }, "oidcClientSecret", "one line"},
		"no refresh token":   {func(c *Config) { c.OIDCRefreshToken = "" }, "oidcRefreshToken", "is required"},
		"garbled token":      {func(c *Config) { c.OIDCRefreshToken = "secret-text\x00" }, "oidcRefreshToken", "one line"},
		"empty scope":        {func(c *Config) { c.OIDCScopes = []string{""} }, "oidcScopes", "is required"},
		"garbage CA":         {func(c *Config) { c.CAData = "secret-text" }, "caData", "PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := good(tc.change).Check()
			requireBad(t, err, tc.field, tc.text)
			if err != nil {
				require.NotContains(t, err.Error(), "secret-text")
			}
		})
	}
}
