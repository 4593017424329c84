package kubernetes

import (
	"context"
	"net/url"
	"slices"
	"strings"
)

// refreshTokens stores the refresh token of a login for all connections and
// processes that use it.
type refreshTokens interface {
	// Lock keeps the others from redeeming the token until unlock is called: many
	// issuers end a login whose token comes twice. It waits for them until ctx ends.
	Lock(ctx context.Context) (unlock func(), err error)
	// Current returns the stored token.
	Current(ctx context.Context) (string, error)
	// Replace stores fresh in place of old. It returns nil and changes nothing
	// when another token than old is stored: a new login has been entered.
	Replace(ctx context.Context, old, fresh string) error
}

// oidcLogin is a checked login by OpenID Connect.
type oidcLogin struct {
	issuer       string
	clientID     string
	clientSecret string // "" for a public client
	refreshToken string
	scopes       []string // to ask for at each refresh; nil means those already granted
	caPEM        []byte   // trusted in addition to the system's roots
	stored       refreshTokens
	allowHTTP    bool
}

// oidc checks the fields of a login by OpenID Connect. The CA of the API server
// is trusted for the issuer as well, since private ones usually share it.
// Insecure does not apply to the issuer: the refresh token that it receives is
// worth more than a short-lived ID token.
func (c Config) oidc(caPEM []byte) (*oidcLogin, error) {
	o := &oidcLogin{caPEM: caPEM, stored: c.RefreshTokens, allowHTTP: c.AllowHTTP}
	var err error
	if o.issuer, err = checkIssuer(c.OIDCIssuerURL, c.AllowHTTP); err != nil {
		return nil, err
	}
	if o.clientID, err = checkToken(fieldPath{field: "oidcClientId"}, c.OIDCClientID); err != nil {
		return nil, err
	}
	if strings.TrimSpace(c.OIDCClientSecret) != "" {
		if o.clientSecret, err = checkToken(fieldPath{field: "oidcClientSecret"}, c.OIDCClientSecret); err != nil {
			return nil, err
		}
	}
	if o.refreshToken, err = checkToken(fieldPath{field: "oidcRefreshToken"}, c.OIDCRefreshToken); err != nil {
		return nil, err
	}
	for _, s := range c.OIDCScopes {
		if s, err = checkToken(fieldPath{field: "oidcScopes"}, s); err != nil {
			return nil, err
		}
		o.scopes = append(o.scopes, s)
	}
	if o.scopes != nil && !slices.Contains(o.scopes, "openid") {
		o.scopes = append(o.scopes, "openid") // without it there is no ID token
	}
	return o, nil
}

func checkIssuer(text string, allowHTTP bool) (string, error) {
	const field = "oidcIssuerUrl"
	text = strings.TrimSpace(text)
	if text == "" {
		return "", badConfig(field, "is required")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || !validPort(u.Port()):
		return "", badConfig(field, "must be a URL such as https://login.example.org")
	case u.User != nil:
		return "", badConfig(field, "must not contain a user or password")
	case u.RawQuery != "" || u.Fragment != "":
		return "", badConfig(field, "must not contain a query or fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !allowHTTP):
		return "", badConfig(field, "must use https: plain http would send the refresh token in clear")
	}
	return text, nil
}
