package kubernetes

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/kubeorch/core/pkg/egress"
)

// issuer redeems refresh tokens. It is safe for concurrent use.
type issuer struct {
	login  *oidcLogin
	client *http.Client

	mu       sync.Mutex
	endpoint oauth2.Endpoint // zero until it is discovered
}

// grant is the issuer's answer to a refresh token.
type grant struct {
	idToken string
	expires time.Time
	refresh string // token to use next time; most issuers give a new one each time
}

func newIssuer(login *oidcLogin, dial dialFunc) *issuer {
	// With the CA alone, no public issuer would be trusted.
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	roots.AppendCertsFromPEM(login.caPEM)
	client := egress.NewClient(egress.DialFunc(dial), egress.ClientOptions{
		Timeout: refreshTimeout, RootCAs: roots, AllowHTTP: login.allowHTTP,
	})
	client.Transport = unavailableTransport{client.Transport}
	return &issuer{login: login, client: client}
}

// unavailableTransport turns responses of unavailable servers into errors, since
// the discovery of the oidc package would hide the status in a text.
type unavailableTransport struct{ http.RoundTripper }

// RoundTrip fails with an *Error of reason Busy.
func (u unavailableTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := u.RoundTripper.RoundTrip(r)
	if err != nil || resp.StatusCode < http.StatusInternalServerError && resp.StatusCode != http.StatusTooManyRequests {
		return resp, err
	}
	_ = resp.Body.Close()
	return nil, &Error{Reason: Busy, Message: fmt.Sprintf("is not available: it answered %d", resp.StatusCode)}
}

// CloseIdleConnections implements what http.Client.CloseIdleConnections calls.
func (u unavailableTransport) CloseIdleConnections() {
	(&http.Client{Transport: u.RoundTripper}).CloseIdleConnections()
}

// redeem exchanges a refresh token. The error is an *Error that names the
// issuer; usedUp reports whether it means that the token is no longer good.
func (i *issuer) redeem(ctx context.Context, refresh string) (grant, error) {
	defer i.client.CloseIdleConnections() // the next refresh is minutes away
	ctx = oidc.ClientContext(ctx, i.client)
	endpoint, err := i.discover(ctx)
	if err != nil {
		return grant{}, i.failure(err)
	}
	// This is the only client of oauth2 that sends scopes with a refresh token.
	// Some issuers give an ID token only then.
	form := clientcredentials.Config{
		ClientID: i.login.clientID, ClientSecret: i.login.clientSecret,
		TokenURL: endpoint.TokenURL, AuthStyle: endpoint.AuthStyle, Scopes: i.login.scopes,
		EndpointParams: url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}},
	}
	answer, err := form.Token(ctx)
	if err != nil {
		if !usedUp(err) {
			i.forget()
		}
		return grant{}, i.failure(err)
	}
	return i.grantOf(answer, refresh)
}

func (i *issuer) grantOf(answer *oauth2.Token, refresh string) (grant, error) {
	g := grant{refresh: refresh}
	if answer.RefreshToken != "" {
		g.refresh = answer.RefreshToken
	}
	g.idToken, _ = answer.Extra("id_token").(string)
	var claims jwt.RegisteredClaims
	// The API server verifies the token.
	_, _, err := jwt.NewParser().ParseUnverified(g.idToken, &claims)
	if err != nil || claims.ExpiresAt == nil {
		return g, &Error{Reason: Unauthorized, Message: fmt.Sprintf("the OIDC issuer %s gives no ID token: is the scope openid granted?", i.login.issuer)}
	}
	g.expires = claims.ExpiresAt.Time
	return g, nil
}

// discover returns the issuer's endpoint, which it asks for once.
func (i *issuer) discover(ctx context.Context) (oauth2.Endpoint, error) {
	i.mu.Lock()
	known := i.endpoint
	i.mu.Unlock()
	if known.TokenURL != "" {
		return known, nil
	}
	provider, err := oidc.NewProvider(ctx, i.login.issuer)
	if err != nil {
		return known, err
	}
	var document struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := provider.Claims(&document); err != nil {
		return known, err
	}
	known = provider.Endpoint()
	if known.TokenURL == "" {
		return known, errors.New("the discovery document names no token endpoint")
	}
	known.AuthStyle = i.authStyle(document.Methods)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.endpoint = known
	return known, nil
}

// authStyle decides how to send the client secret. Trying one way after the
// other, as oauth2 does by default, could use up a refresh token.
func (i *issuer) authStyle(methods []string) oauth2.AuthStyle {
	basic := len(methods) == 0 || slices.Contains(methods, "client_secret_basic")
	if i.login.clientSecret == "" || !basic {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

func (i *issuer) forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.endpoint = oauth2.Endpoint{}
}

func usedUp(err error) bool {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	return ok && answer.ErrorCode == "invalid_grant"
}

// failure returns an *Error that tells users to look at the issuer, not at the
// cluster. It holds no text of the issuer's.
func (i *issuer) failure(err error) error {
	say := func(r Reason, format string) error {
		return &Error{Reason: r, Message: fmt.Sprintf("the OIDC issuer %s %s", i.login.issuer, format), Err: err}
	}
	if down, ok := errors.AsType[*Error](err); ok {
		return say(down.Reason, down.Message)
	}
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return say(Unauthorized, refusal(answer))
	}
	if _, ok := errors.AsType[*oidc.IssuerMismatchError](err); ok {
		return say(NotKubernetes, "calls itself by another URL: enter exactly that one")
	}
	switch e := fromTransport(err); e.Reason {
	case Timeout:
		return say(Timeout, "did not answer in time")
	case Unreachable:
		return say(Unreachable, "cannot be reached")
	case TLS:
		return say(TLS, "cannot be trusted: put the CA that signed its certificate into caData")
	case NotAllowed:
		return say(NotAllowed, "may not be asked: "+e.Message)
	default:
		return say(NotKubernetes, "does not answer like an OpenID provider")
	}
}

func refusal(answer *oauth2.RetrieveError) string {
	switch answer.ErrorCode {
	case "invalid_grant":
		return "does not accept the refresh token any more: enter a new one"
	case "invalid_client", "unauthorized_client":
		return "does not accept the client id and secret"
	case "invalid_scope":
		return "does not grant the scopes"
	}
	return fmt.Sprintf("refuses to log in: it answered %d", answer.Response.StatusCode)
}
