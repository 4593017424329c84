// Package oauth speaks OAuth2 and OpenID Connect to the services that people
// log in with, and tells who they are. What becomes of an account is not its
// business.
package oauth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Config describes one provider and what it knows this server as.
type Config struct {
	// IssuerURL makes it an OpenID provider; the rest of its addresses, and its
	// keys, are asked of it. Where it is empty the three URLs are used.
	IssuerURL        string
	AuthorizationURL string
	TokenURL         string
	UserInfoURL      string

	ClientID     string
	ClientSecret string // empty for a public client
	RedirectURL  string // where the provider sends browsers back to
	Scopes       []string
	Claims       Mapping
	TrustEmail   bool // the provider verifies addresses although it does not say so
	GitHub       bool // ask the addresses of UserInfoURL + "/emails", as GitHub answers them
	AllowHTTP    bool // let an OpenID provider name addresses without TLS
}

// Attempt is what the two halves of one login share: random, at least 32
// characters each, and never used twice.
type Attempt struct {
	State    string // comes back in the browser
	Nonce    string // comes back in the id_token
	Verifier string // proves to the token endpoint who began; 43 to 128 characters
}

// Provider is one external service. It is safe for concurrent use.
type Provider struct {
	cfg       Config
	client    *http.Client
	discovery *discovery // nil for plain OAuth2
	plain     endpoints
}

// New returns a provider that is asked through client, whose timeouts and
// limits apply to each request. It connects to nothing yet. now is the clock.
func New(cfg Config, client *http.Client, now func() time.Time) *Provider {
	p := &Provider{cfg: cfg, client: client}
	if cfg.IssuerURL != "" {
		p.discovery = newDiscovery(cfg, client, now)
		return p
	}
	p.plain = endpoints{
		flow:     cfg.flow(oauth2.Endpoint{AuthURL: cfg.AuthorizationURL, TokenURL: cfg.TokenURL}),
		userInfo: cfg.UserInfoURL,
	}
	return p
}

// endpoints is where a provider is asked what.
type endpoints struct {
	flow     *oauth2.Config
	userInfo string                // may be empty for an OpenID provider
	verifier *oidc.IDTokenVerifier // nil for plain OAuth2
	namesIss bool                  // the provider says who it is when it sends browsers back
}

func (c Config) flow(at oauth2.Endpoint) *oauth2.Config {
	return &oauth2.Config{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, RedirectURL: c.RedirectURL, Scopes: c.Scopes, Endpoint: at,
	}
}

func (p *Provider) endpoints(ctx context.Context) (endpoints, error) {
	if p.discovery == nil {
		return p.plain, nil
	}
	return p.discovery.get(ctx)
}

// AuthURL returns where to send the browser for a login. Failures are an
// *Error.
func (p *Provider) AuthURL(ctx context.Context, a Attempt) (string, error) {
	at, err := p.endpoints(ctx)
	if err != nil {
		return "", err
	}
	opts := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(a.Verifier)}
	if at.verifier != nil {
		opts = append(opts, oidc.Nonce(a.Nonce))
	}
	return at.flow.AuthCodeURL(a.State, opts...), nil
}

// Return is what a browser brings back from a provider.
type Return struct {
	Code   string
	Issuer string // who the provider says it is; many do not
}

// Login redeems what the browser brought back and tells who logged in. a must
// be the attempt whose state came with it. Failures are an *Error.
func (p *Provider) Login(ctx context.Context, a Attempt, back Return) (Person, error) {
	at, err := p.endpoints(ctx)
	if err != nil {
		return Person{}, err
	}
	if err := p.checkIssuer(at, back.Issuer); err != nil {
		return Person{}, err
	}
	token, err := at.flow.Exchange(oidc.ClientContext(ctx, p.client), back.Code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return Person{}, exchangeError(err)
	}
	if at.verifier == nil {
		return p.plainPerson(ctx, token.AccessToken)
	}
	return p.openIDPerson(ctx, at, a.Nonce, token)
}

// checkIssuer refuses the answer of another provider than the one that was
// asked, as far as providers say who they are.
func (p *Provider) checkIssuer(at endpoints, issuer string) error {
	if at.verifier == nil || issuer == p.cfg.IssuerURL || issuer == "" && !at.namesIss {
		return nil
	}
	return untrusted(fmt.Errorf("the answer is of the issuer %q", Clip(issuer, 200)))
}

// Close ends the connections that are kept open for the next login.
func (p *Provider) Close() { p.client.CloseIdleConnections() }

// webURL reports whether s is an absolute address that a browser or a server
// may be sent to.
func webURL(s string, allowHTTP bool) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || allowHTTP && u.Scheme == "http")
}
