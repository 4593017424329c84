package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	// discoveryAge is how long a provider's addresses are taken for its own
	// without asking again. Its keys are asked for whenever one is unknown.
	discoveryAge = time.Hour

	firstPause = time.Second
	maxPause   = time.Minute
)

// discovery finds out where an OpenID provider is asked what, when it is first
// needed. A provider that is down is asked again after a pause that doubles;
// within it, logins fail at once, or go on with what was known before.
type discovery struct {
	cfg    Config
	client *http.Client
	now    func() time.Time

	turn    chan struct{} // holds one token while somebody asks or looks
	known   *endpoints
	knownAt time.Time
	failed  error
	retryAt time.Time
	pause   time.Duration
}

func newDiscovery(cfg Config, client *http.Client, now func() time.Time) *discovery {
	return &discovery{cfg: cfg, client: client, now: now, turn: make(chan struct{}, 1)}
}

func (d *discovery) get(ctx context.Context) (endpoints, error) {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return endpoints{}, unreachable("wait for discovery", ctx.Err())
	}
	if now := d.now(); now.After(d.retryAt) && (d.known == nil || now.Sub(d.knownAt) > discoveryAge) {
		// A browser that gives up must not make the provider look down.
		d.note(d.discover(context.WithoutCancel(ctx)))
	}
	if d.known == nil {
		return endpoints{}, d.failed
	}
	return *d.known, nil
}

func (d *discovery) note(found *endpoints, err error) {
	now := d.now()
	if err != nil {
		d.failed = unreachable("discovery", err)
		d.pause = min(max(2*d.pause, firstPause), maxPause)
		d.retryAt = now.Add(d.pause)
		return
	}
	d.known, d.knownAt, d.failed, d.pause = found, now, nil, 0
}

// metadata is what discovery tells beyond what the library reads.
type metadata struct {
	JWKSURL     string   `json:"jwks_uri"`
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	NamesIssuer bool     `json:"authorization_response_iss_parameter_supported"`
}

// discover asks once; the client's timeout bounds it.
func (d *discovery) discover(ctx context.Context) (*endpoints, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, d.client), d.cfg.IssuerURL)
	if err != nil {
		return nil, err
	}
	var more metadata
	if err := found.Claims(&more); err != nil {
		return nil, err
	}
	at := found.Endpoint()
	for _, u := range []string{at.AuthURL, at.TokenURL, more.JWKSURL} {
		if !webURL(u, d.cfg.AllowHTTP) {
			return nil, fmt.Errorf("the provider names %q, which is no https address", u)
		}
	}
	info := found.UserInfoEndpoint()
	if info != "" && !webURL(info, d.cfg.AllowHTTP) {
		return nil, errors.New("the provider's userinfo_endpoint is no https address")
	}
	at.AuthStyle = d.authStyle(more.AuthMethods)
	return &endpoints{
		flow: d.cfg.flow(at), userInfo: info, namesIss: more.NamesIssuer,
		verifier: found.Verifier(&oidc.Config{ClientID: d.cfg.ClientID, Now: d.now}),
	}, nil
}

// authStyle says how to send the client secret. Basic authentication is what
// every OpenID provider has to understand unless it says otherwise.
func (d *discovery) authStyle(methods []string) oauth2.AuthStyle {
	if d.cfg.ClientSecret == "" {
		return oauth2.AuthStyleInParams
	}
	if len(methods) > 0 && !slices.Contains(methods, "client_secret_basic") && slices.Contains(methods, "client_secret_post") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}
