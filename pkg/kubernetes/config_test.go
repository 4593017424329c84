package kubernetes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const server = "https://127.0.0.1:6443"

// selfSigned returns a certificate and its key as PEM.
func selfSigned(t *testing.T) (certPEM, keyPEM string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestCheck(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t)
	otherCert, _ := selfSigned(t)
	token := func(c Config) Config {
		c.AuthType, c.Token = AuthToken, "abc"
		return c
	}
	for name, tc := range map[string]struct {
		cfg   Config
		field string // of the error; "" means the config is fine
		text  string
	}{
		"token":                    {Config{Server: server, AuthType: AuthToken, Token: " abc\n"}, "", ""},
		"service account":          {Config{Server: server, AuthType: AuthServiceAccount, Token: "abc"}, "", ""},
		"empty token":              {Config{Server: server, AuthType: AuthToken, Token: "  "}, "token", "is required"},
		"empty service account":    {Config{Server: server, AuthType: AuthServiceAccount}, "token", "is required"},
		"token of two lines":       {Config{Server: server, AuthType: AuthToken, Token: "a\nb"}, "token", "one line"},
		"no auth type":             {Config{Server: server, Token: "abc"}, "authType", "must be one of"},
		"CA as PEM":                {token(Config{Server: server, CAData: cert}), "", ""},
		"CA in base64":             {token(Config{Server: server, CAData: b64(cert)}), "", ""},
		"CA in base64 twice":       {token(Config{Server: server, CAData: b64(b64(cert))}), "", ""},
		"CA in base64 with breaks": {token(Config{Server: server, CAData: b64(cert)[:40] + "\n " + b64(cert)[40:]}), "", ""},
		"CA in base64 thrice":      {token(Config{Server: server, CAData: b64(b64(b64(cert)))}), "caData", "PEM"},
		"CA is garbage":            {token(Config{Server: server, CAData: "garbage"}), "caData", "PEM"},
		"CA is a key":              {token(Config{Server: server, CAData: key}), "caData", "certificate"},
		"certificate":              {Config{Server: server, AuthType: AuthCertificate, ClientCert: b64(cert), ClientKey: b64(key)}, "", ""},
		"certificate without key":  {Config{Server: server, AuthType: AuthCertificate, ClientCert: cert}, "clientKeyData", "is required"},
		"key of another one":       {Config{Server: server, AuthType: AuthCertificate, ClientCert: otherCert, ClientKey: key}, "clientKeyData", "belongs"},
		"no server":                {token(Config{}), "server", "is required"},
		"server without scheme":    {token(Config{Server: "10.0.0.1:6443"}), "server", "https://"},
		"server is a path":         {token(Config{Server: "/etc/passwd"}), "server", "https://"},
		"server with a huge port":  {token(Config{Server: "https://h:70000"}), "server", "between 1 and 65535"},
		"server with port 0":       {token(Config{Server: "https://h:0"}), "server", "between 1 and 65535"},
		"server over http":         {token(Config{Server: "http://10.0.0.1"}), "server", "plain http"},
		"http when permitted":      {token(Config{Server: "http://10.0.0.1", AllowHTTP: true}), "", ""},
		"server of another scheme": {token(Config{Server: "ftp://10.0.0.1"}), "server", "https://"},
		"server with a user":       {token(Config{Server: "https://a:b@10.0.0.1"}), "server", "user or password"},
		"server with a query":      {token(Config{Server: "https://10.0.0.1?a=b"}), "server", "query"},
		"server with a path":       {token(Config{Server: "https://10.0.0.1/k8s/clusters/c1/"}), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireBad(t, tc.cfg.Check(), tc.field, tc.text)
		})
	}
}

func requireBad(t *testing.T, err error, field, text string) {
	t.Helper()
	if field == "" {
		require.NoError(t, err)
		return
	}
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, BadConfig, e.Reason)
	require.Equal(t, field, e.Field)
	require.Contains(t, e.Message, text)
}

// kubeconfig returns a file of one context with the given user and cluster
// entries.
func kubeconfig(cluster, user string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: a
contexts: [{name: a, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {%s}}]
users: [{name: u, user: {%s}}]
`, cluster, user)
}

func TestKubeconfig(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t)
	const at, login = "server: https://h:1", "token: abc"
	several := strings.ReplaceAll(kubeconfig(at, login), "contexts: [", "contexts: [{name: b, context: {cluster: c, user: u}}, ")
	for name, tc := range map[string]struct{ file, context, field, text string }{
		"token":                 {kubeconfig(at, login), "", "", ""},
		"certificate":           {kubeconfig(at, "client-certificate-data: "+b64(cert)+", client-key-data: "+b64(key)), "", "", ""},
		"CA":                    {kubeconfig(at+", certificate-authority-data: "+b64(cert), login), "", "", ""},
		"CA encoded twice":      {kubeconfig(at+", certificate-authority-data: "+b64(b64(cert)), login), "", "", ""},
		"exec":                  {kubeconfig(at, "exec: {apiVersion: v1, command: touch, args: [/tmp/x]}"), "", "kubeconfig", "users[0].user.exec is not allowed"},
		"exec beside a token":   {kubeconfig(at, login+", exec: {command: x}"), "", "kubeconfig", "users[0].user.exec is not allowed"},
		"auth-provider":         {kubeconfig(at, "auth-provider: {name: gcp}"), "", "kubeconfig", "users[0].user.auth-provider is not allowed"},
		"token file":            {kubeconfig(at, "tokenFile: /etc/passwd"), "", "kubeconfig", "users[0].user.tokenFile is not allowed"},
		"certificate file":      {kubeconfig(at, "client-certificate: /a"), "", "kubeconfig", "users[0].user.client-certificate is not allowed"},
		"key file":              {kubeconfig(at, "client-key: /a"), "", "kubeconfig", "users[0].user.client-key is not allowed"},
		"CA file":               {kubeconfig(at+", certificate-authority: /a", login), "", "kubeconfig", "clusters[0].cluster.certificate-authority is not allowed"},
		"proxy":                 {kubeconfig(at+", proxy-url: http://p", login), "", "kubeconfig", "clusters[0].cluster.proxy-url is not allowed"},
		"impersonation":         {kubeconfig(at, login+", as: root"), "", "kubeconfig", "users[0].user.as is not allowed"},
		"no login":              {kubeconfig(at, ""), "", "kubeconfig", "users[0].user holds no token"},
		"empty token":           {kubeconfig(at, `token: ""`), "", "kubeconfig", "holds no token"},
		"CA is garbage":         {kubeconfig(at+", certificate-authority-data: "+b64("x"), login), "", "kubeconfig", "clusters[0].cluster.certificate-authority-data must be PEM"},
		"not base64":            {kubeconfig(at+", certificate-authority-data: '%%'", login), "", "kubeconfig", "clusters[0].cluster.certificate-authority-data must be PEM"},
		"plain http":            {kubeconfig("server: http://h:1", login), "", "server", "plain http"},
		"no server":             {kubeconfig("", login), "", "server", "is required"},
		"empty":                 {" \n", "", "kubeconfig", "is required"},
		"not YAML":              {"{{ secret-text", "", "kubeconfig", "must be a kubeconfig"},
		"a list":                {"[1, 2]", "", "kubeconfig", "must be a kubeconfig"},
		"nothing in it":         {"a: b", "", "kubeconfig", "contexts is empty"},
		"too large":             {strings.Repeat("#", 2<<20), "", "kubeconfig", "1 MiB"},
		"several, one current":  {several, "", "", ""},
		"several, one chosen":   {strings.Replace(several, "current-context: a", "", 1), "b", "", ""},
		"several, none chosen":  {strings.Replace(several, "current-context: a", "", 1), "", "kubeconfig", "choose one"},
		"one, none current":     {strings.Replace(kubeconfig(at, login), "current-context: a", "", 1), "", "", ""},
		"chosen is not there":   {several, "z", "context", `"z" is not in`},
		"current is not there":  {strings.Replace(several, "current-context: a", "current-context: z", 1), "", "kubeconfig", `"z" is not in`},
		"context of no user":    {strings.Replace(kubeconfig(at, login), "user: u}}]\nclu", "user: v}}]\nclu", 1), "", "kubeconfig", "contexts[0].context.user"},
		"context of no cluster": {strings.Replace(kubeconfig(at, login), "{cluster: c, user", "{cluster: d, user", 1), "", "kubeconfig", "contexts[0].context.cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := Config{AuthType: AuthKubeconfig, Kubeconfig: tc.file, Context: tc.context}.Check()
			requireBad(t, err, tc.field, tc.text)
			if err != nil {
				require.NotContains(t, err.Error(), "secret-text")
			}
		})
	}
}

func TestEndpointOfKubeconfigWins(t *testing.T) {
	t.Parallel()
	got, err := Config{Server: server, AuthType: AuthKubeconfig, Kubeconfig: kubeconfig("server: https://h:1", "token: abc")}.Endpoint()
	require.NoError(t, err)
	require.Equal(t, "https://h:1", got)
}

func TestInsecureWinsOverCA(t *testing.T) {
	t.Parallel()
	cert, _ := selfSigned(t)
	a, err := Config{Server: server, AuthType: AuthToken, Token: "abc", CAData: cert, Insecure: true}.resolve()
	require.NoError(t, err)
	r := a.rest()
	require.True(t, r.Insecure)
	require.Empty(t, r.CAData)
}

func TestConfigDoesNotPrint(t *testing.T) {
	t.Parallel()
	c := Config{Token: "hunter2"}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", c, c, c, &c), "hunter2")
}

func FuzzKubeconfig(f *testing.F) {
	f.Add(kubeconfig("server: https://h:1", "token: abc"))
	f.Add(kubeconfig("server: https://h:1", "exec: {command: x}"))
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, file string) {
		a, err := Config{AuthType: AuthKubeconfig, Kubeconfig: file}.resolve()
		if err != nil {
			return
		}
		r := a.rest()
		require.Nil(t, r.ExecProvider)
		require.Nil(t, r.AuthProvider)
		require.Empty(t, r.BearerTokenFile+r.CertFile+r.KeyFile+r.CAFile+r.Impersonate.UserName)
		require.True(t, r.BearerToken != "" || len(r.CertData) > 0 || r.Password != "")
	})
}
