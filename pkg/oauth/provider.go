// Package oauth logs people in with external providers, by OAuth2 and OpenID
// Connect, and returns who they are. It knows nothing of accounts.
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

// Config describes one provider and this server as its client.
type Config struct {
	// IssuerURL makes it an OpenID provider, whose URLs and keys are discovered.
	// If it is empty the three URLs are used.
	IssuerURL        string
	AuthorizationURL string
	TokenURL         string
	UserInfoURL      string

	ClientID     string
	ClientSecret string // empty for a public client
	RedirectURL  string // to which the provider sends browsers back
	Scopes       []string
	Claims       Mapping
	TrustEmail   bool // take e-mail addresses for verified if the provider does not say
	GitHub       bool // read e-mail addresses from UserInfoURL + "/emails", in the format of GitHub
	AllowHTTP    bool // accept http:// URLs from the discovery
}

// Attempt holds the random values of one login, of at least 32 characters each.
// They must not be used again.
type Attempt struct {
	State    string // returned by the browser
	Nonce    string // returned in the id_token
	Verifier string // of PKCE; 43 to 128 characters
}

// Provider is one external service. It is safe for concurrent use.
type Provider struct {
	cfg       Config
	client    *http.Client
	discovery *discovery // nil for plain OAuth2
	plain     endpoints
}

// New returns a provider. Requests to it go through client, with its time-outs and
// limits. New does no I/O. now is the clock.
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

// endpoints are the URLs of a provider and what belongs to them.
type endpoints struct {
	flow     *oauth2.Config
	userInfo string                // may be empty for an OpenID provider
	verifier *oidc.IDTokenVerifier // nil for plain OAuth2
	namesIss bool                  // the provider adds its issuer to the callback (RFC 9207)
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

// AuthURL returns the URL to which the browser is sent for a login. The error is
// an *Error.
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

// Callback holds parameters of the URL with which the browser comes back from a
// provider.
type Callback struct {
	Code   string
	Issuer string // "" from providers without RFC 9207
}

// Login redeems the code of a callback and returns who has logged in. a must be
// the attempt with the state of the callback. The error is an *Error.
func (p *Provider) Login(ctx context.Context, a Attempt, back Callback) (Person, error) {
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

// checkIssuer refuses the callback of another provider, if providers name their
// issuer there.
func (p *Provider) checkIssuer(at endpoints, issuer string) error {
	if at.verifier == nil || issuer == p.cfg.IssuerURL || issuer == "" && !at.namesIss {
		return nil
	}
	return untrusted(fmt.Errorf("the answer is of the issuer %q", Clip(issuer, 200)))
}

// Close closes idle connections to the provider.
func (p *Provider) Close() { p.client.CloseIdleConnections() }

// webURL reports whether s is an absolute URL of https, or of http if allowed,
// without a user.
func webURL(s string, allowHTTP bool) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || allowHTTP && u.Scheme == "http")
}
