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
	// discoveryAge is how long a provider's URLs are used without reading them
	// again. Its keys are read whenever one is unknown.
	discoveryAge = time.Hour

	firstPause = time.Second
	maxPause   = time.Minute
)

// discovery reads the endpoints of an OpenID provider when they are first needed.
// A provider that is down is asked again after pauses that double. In a pause,
// logins fail at once, or use the endpoints that were read before.
type discovery struct {
	cfg    Config
	client *http.Client
	now    func() time.Time

	lock    chan struct{} // guards what follows; waiting for it ends with a context
	found   *endpoints
	foundAt time.Time
	lastErr error
	retryAt time.Time
	pause   time.Duration
}

func newDiscovery(cfg Config, client *http.Client, now func() time.Time) *discovery {
	return &discovery{cfg: cfg, client: client, now: now, lock: make(chan struct{}, 1)}
}

func (d *discovery) get(ctx context.Context) (endpoints, error) {
	select {
	case d.lock <- struct{}{}:
		defer func() { <-d.lock }()
	case <-ctx.Done():
		return endpoints{}, unreachable("wait for discovery", ctx.Err())
	}
	if now := d.now(); now.After(d.retryAt) && (d.found == nil || now.Sub(d.foundAt) > discoveryAge) {
		// The end of one browser's request must not count as a failure.
		d.record(d.discover(context.WithoutCancel(ctx)))
	}
	if d.found == nil {
		return endpoints{}, d.lastErr
	}
	return *d.found, nil
}

func (d *discovery) record(found *endpoints, err error) {
	now := d.now()
	if err != nil {
		d.lastErr = unreachable("discovery", err)
		d.pause = min(max(2*d.pause, firstPause), maxPause)
		d.retryAt = now.Add(d.pause)
		return
	}
	d.found, d.foundAt, d.lastErr, d.pause = found, now, nil, 0
}

// metadata is the part of the discovery document that the oidc package does not
// expose.
type metadata struct {
	JWKSURL     string   `json:"jwks_uri"`
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	NamesIssuer bool     `json:"authorization_response_iss_parameter_supported"`
}

// discover sends one request, bounded by the time-out of the client.
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

// authStyle returns how to send the client secret. OpenID providers support basic
// authentication unless they say otherwise.
func (d *discovery) authStyle(methods []string) oauth2.AuthStyle {
	if d.cfg.ClientSecret == "" {
		return oauth2.AuthStyleInParams
	}
	if len(methods) > 0 && !slices.Contains(methods, "client_secret_basic") && slices.Contains(methods, "client_secret_post") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}
