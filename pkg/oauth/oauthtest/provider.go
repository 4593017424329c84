// Package oauthtest provides tests with a real OpenID provider, and with a browser
// that logs in there.
package oauthtest

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The client that every provider here knows.
const (
	ClientID     = "kubeorch"
	ClientSecret = "the-client-secret-of-the-tests" //nolint:gosec // guards nothing
	password     = "secret"
)

// Provider is an OpenID provider on a port of its own. People must be added before
// they log in.
type Provider struct {
	URL string // the issuer

	people *people
	keys   *rotating
	op     *op.Provider
	down   atomic.Bool
	log    *requestLog
}

// Start runs a provider until the test ends. It sends browsers back to the URLs in
// redirects only.
func Start(t testing.TB, redirects ...string) *Provider {
	t.Helper()
	mux := http.NewServeMux()
	p := &Provider{people: &people{byID: map[string]*storage.User{}}, log: &requestLog{}}
	server := httptest.NewServer(p.log.of(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.down.Load() {
			http.Error(w, "<html>closed for maintenance</html>", http.StatusBadGateway)
			return
		}
		mux.ServeHTTP(w, r)
	})))
	t.Cleanup(server.Close)
	p.URL = server.URL
	client := storage.WebClient(ClientID, ClientSecret, redirects...)
	p.keys = newRotating(t, storage.NewStorageWithClients(p.people, map[string]*storage.Client{ClientID: client}))
	cfg := &op.Config{CryptoKey: sha256.Sum256([]byte(rand.Text())), CodeMethodS256: true, AuthMethodPost: true}
	var err error
	p.op, err = op.NewProvider(cfg, p.keys, op.StaticIssuer(p.URL), op.WithAllowInsecure())
	require.NoError(t, err)
	login := op.NewIssuerInterceptor(p.op.IssuerFromRequest)
	mux.HandleFunc("GET /login/username", p.form)
	mux.Handle("POST /login/username", login.HandlerFunc(p.submit))
	mux.Handle("/", p.op)
	return p
}

// Add adds an account, whose user name is the address.
func (p *Provider) Add(email, name string, verified bool) {
	first, last, _ := strings.Cut(name, " ")
	p.people.put(&storage.User{
		ID: rand.Text(), Username: email, Password: password, Email: email, EmailVerified: verified, FirstName: first, LastName: last,
	})
}

// SetDown makes the provider answer every request with an error page, or ends that.
func (p *Provider) SetDown(down bool) { p.down.Store(down) }

// Rotate replaces the signing key and forgets the old one.
func (p *Provider) Rotate() { p.keys.rotate() }

// Requests returns the number of requests to a path.
func (p *Provider) Requests(path string) int { return p.log.count(path) }

//nolint:gochecknoglobals // never written
var form = template.Must(template.New("").Parse(`<form method="POST" action="/login/username">
<input type="hidden" name="id" value="{{.}}"><input name="username"><input name="password" type="password">
</form>`))

func (p *Provider) form(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	_ = form.Execute(w, r.FormValue("authRequestID"))
}

func (p *Provider) submit(w http.ResponseWriter, r *http.Request) {
	id := r.FormValue("id")
	if r.FormValue("username") == "" { // the person pressed "cancel"
		req, err := p.keys.AuthRequestByID(r.Context(), id)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		op.AuthRequestError(w, r, req, oidc.ErrAccessDenied(), p.op)
		return
	}
	if err := p.keys.CheckUsernamePassword(r.FormValue("username"), r.FormValue("password"), id); err != nil {
		http.Error(w, fmt.Sprintf("no such person: %v", err), http.StatusForbidden)
		return
	}
	http.Redirect(w, r, op.AuthCallbackURL(p.op)(r.Context(), id), http.StatusFound)
}
