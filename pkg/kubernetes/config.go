// Package kubernetes connects to clusters: it checks connection settings, shares
// one connection per cluster, and translates failures into words for users. It
// knows nothing of the platform.
package kubernetes

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"k8s.io/client-go/rest"
)

// Config tells how to reach a cluster and how to log in, as a user has typed it.
// CAData, ClientCert and ClientKey hold PEM, or PEM encoded in base64 once or
// twice.
type Config struct {
	Server     string // https://host:port; a kubeconfig's own server wins
	AuthType   string // one of the Auth constants
	Token      string
	CAData     string
	ClientCert string
	ClientKey  string
	Kubeconfig string // YAML
	Context    string // of the kubeconfig; "" means its current-context

	OIDCIssuerURL    string
	OIDCClientID     string
	OIDCClientSecret string // empty for a public client
	OIDCRefreshToken string
	OIDCScopes       []string
	// RefreshTokens stores the refresh tokens that an issuer gives in place of
	// OIDCRefreshToken. nil: they are lost with the connection.
	RefreshTokens refreshTokens

	Insecure  bool // do not verify the server's certificate
	AllowHTTP bool // permit http:// servers
}

// The ways to authenticate.
const (
	AuthToken          = "token"
	AuthServiceAccount = "serviceaccount"
	AuthCertificate    = "certificate"
	AuthKubeconfig     = "kubeconfig"
	AuthOIDC           = "oidc"
)

// String hides every value: a Config must not reach a log through %v.
func (Config) String() string { return "[cluster config]" }

// GoString hides every value.
func (Config) GoString() string { return "[cluster config]" }

// access is a checked Config. It holds data only, no references to files or
// programs.
type access struct {
	server     string
	serverName string // expected in the certificate; "" means the host of server
	insecure   bool
	caPEM      []byte
	certPEM    []byte
	keyPEM     []byte
	token      string
	username   string
	password   string
	oidc       *oidcLogin
}

// Check returns nil, or an *Error of reason BadConfig that names a field and what
// is wrong with its form. It does no I/O.
func (c Config) Check() error {
	_, err := c.resolve()
	return err
}

// Endpoint returns the URL of the server; that in a kubeconfig wins.
func (c Config) Endpoint() (string, error) {
	a, err := c.resolve()
	return a.server, err
}

func (c Config) resolve() (access, error) {
	a, err := c.login()
	if err != nil {
		return access{}, err
	}
	a.server, err = checkServer(a.server, c.AllowHTTP)
	if err != nil {
		return access{}, err
	}
	if a.insecure {
		a.caPEM = nil // client-go refuses both at once
	}
	return a, nil
}

func (a access) rest() *rest.Config {
	return &rest.Config{
		Host:        a.server,
		BearerToken: a.token,
		Username:    a.username,
		Password:    a.password,
		UserAgent:   userAgent,
		QPS:         -1, // the API server has priority and fairness
		TLSClientConfig: rest.TLSClientConfig{
			Insecure: a.insecure, ServerName: a.serverName,
			CAData: a.caPEM, CertData: a.certPEM, KeyData: a.keyPEM,
		},
	}
}

// secrets returns the texts that no message may hold.
func (a access) secrets() []string {
	var out []string
	for _, s := range []string{a.token, a.password} {
		if !tooShort(s) {
			out = append(out, s)
		}
	}
	return out
}

// tooShort reports whether hiding the secret in a text would garble the text.
func tooShort(secret string) bool { return len(secret) < 4 }

// maxServer bounds the URL of a server, in bytes.
const maxServer = 2000

func checkServer(server string, allowHTTP bool) (string, error) {
	server = strings.TrimRight(strings.TrimSpace(server), "/")
	if server == "" {
		return "", badConfig("server", "is required")
	}
	if len(server) > maxServer {
		return "", badConfig("server", fmt.Sprintf("must not be longer than %d bytes", maxServer))
	}
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" {
		return "", badConfig("server", "must be a URL such as https://host:6443")
	}
	switch {
	case u.User != nil:
		return "", badConfig("server", "must not contain a user or password")
	case !validPort(u.Port()):
		return "", badConfig("server", "must have a port between 1 and 65535, or none")
	case u.RawQuery != "" || u.Fragment != "":
		return "", badConfig("server", "must not contain a query or fragment")
	case u.Scheme == "http" && !allowHTTP:
		return "", badConfig("server", "must use https: plain http, which would send the credentials in clear, is not allowed here")
	case u.Scheme != "https" && u.Scheme != "http":
		return "", badConfig("server", "must be a URL that starts with https://")
	}
	return server, nil
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || (err == nil && n > 0)
}
