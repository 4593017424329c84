package config

import (
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/go-playground/validator/v10"
)

// Provider is an external service that people log in with.
type Provider struct {
	// Name is the slug in paths.
	Name        string `key:"NAME" check:"slug" must:"be 1 to 40 lower-case letters, digits and hyphens"`
	DisplayName string `key:"DISPLAY_NAME" must:"be text in quotes"`
	// Type is TypeOIDC or TypeOAuth2.
	Type     string `key:"TYPE" check:"oneof=oidc oauth2" must:"be oidc or oauth2"`
	Enabled  bool   `key:"ENABLED" default:"true" must:"be true or false"`
	ClientID string `key:"CLIENT_ID" must:"be set, in quotes if it is a number"`
	// ClientSecret is best set by the environment.
	ClientSecret string `key:"CLIENT_SECRET" must:"be text in quotes" json:"-"`
	// IssuerURL is for OpenID Connect, the next three are for OAuth2.
	IssuerURL        string `key:"ISSUER_URL" must:"be a URL with https and without a query (ALLOW_HTTP: true permits http)"`
	AuthorizationURL string `key:"AUTHORIZATION_URL" must:"be a URL with https (ALLOW_HTTP: true permits http)"`
	TokenURL         string `key:"TOKEN_URL" must:"be a URL with https (ALLOW_HTTP: true permits http)"`
	UserinfoURL      string `key:"USERINFO_URL" must:"be a URL with https (ALLOW_HTTP: true permits http)"`
	// Scopes default to those that the provider's type needs.
	Scopes []string `key:"SCOPES" must:"be a list, or text with commas"`
	Icon   string   `key:"ICON" must:"be text in quotes"`
	// AllowedDomains are the lower-case domains of e-mail addresses; empty: all.
	AllowedDomains []string `key:"ALLOWED_DOMAINS" must:"be a list, or text with commas"`
	SignupEnabled  bool     `key:"SIGNUP_ENABLED" default:"true" must:"be true or false"`
	// TrustEmail takes e-mail addresses for verified that the provider says nothing about.
	TrustEmail bool `key:"TRUST_EMAIL" default:"false" must:"be true or false"`
	// AllowHTTP permits http:// on other machines than this one.
	AllowHTTP bool          `key:"ALLOW_HTTP" default:"false" must:"be true or false"`
	Claims    ClaimMappings `key:"CLAIM_MAPPINGS" must:"hold SUBJECT, EMAIL, EMAIL_VERIFIED and NAME"`
}

// ClaimMappings names the claims to read in place of the usual ones.
type ClaimMappings struct {
	// Subject is for OAuth2: OpenID Connect always has sub.
	Subject       string `key:"SUBJECT" must:"be left out with oidc, where it is always sub"`
	Email         string `key:"EMAIL" must:"be the path of a claim"`
	EmailVerified string `key:"EMAIL_VERIFIED" must:"be the path of a claim"`
	Name          string `key:"NAME" must:"be the path of a claim"`
}

// The types of providers.
const (
	TypeOIDC   = "oidc"
	TypeOAuth2 = "oauth2"
)

// String hides every value: a provider holds a secret.
func (Provider) String() string { return "[provider]" }

// GoString hides every value.
func (Provider) GoString() string { return "[provider]" }

// GitHub reports whether the provider answers as GitHub does, github.com or
// one's own.
func (p Provider) GitHub() bool {
	u, err := url.Parse(p.UserinfoURL)
	return p.Type == TypeOAuth2 && (p.Name == "github" || err == nil && (u.Hostname() == "api.github.com" || u.Path == "/api/v3/user"))
}

// normalise completes p with the environment and with defaults that depend on
// its other fields.
func (p *Provider) normalise(getenv func(string) string) {
	own := "AUTH_PROVIDERS_" + strings.ToUpper(strings.ReplaceAll(p.Name, "-", "_"))
	for suffix, to := range map[string]*string{"_CLIENT_ID": &p.ClientID, "_CLIENT_SECRET": &p.ClientSecret} {
		if value := fromEnv(getenv, own+suffix); value != "" {
			*to = value
		}
	}
	p.Type = strings.ToLower(p.Type)
	if p.DisplayName == "" {
		p.DisplayName = p.Name
	}
	p.AllowedDomains = normalDomains(p.AllowedDomains)
	p.Scopes = strings.Fields(strings.Join(p.Scopes, " ")) // text with spaces is usual, too
	switch {
	case p.Type == TypeOIDC && len(p.Scopes) == 0:
		p.Scopes = []string{"openid", "profile", "email"}
	case p.Type == TypeOIDC && !slices.Contains(p.Scopes, "openid"):
		p.Scopes = append([]string{"openid"}, p.Scopes...)
	case p.GitHub() && len(p.Scopes) == 0:
		p.Scopes = []string{"read:user", "user:email"}
	case len(p.Scopes) == 0:
		p.Scopes = []string{"email"}
	}
}

// checkProvider holds an enabled provider against the rules that concern
// several of its fields.
func checkProvider(level validator.StructLevel) {
	p, ok := reflect.TypeAssert[Provider](level.Current())
	if !ok || !p.Enabled {
		return
	}
	report := func(key, value string) { level.ReportError(value, key, key, "", "") }
	if p.ClientID == "" {
		report("CLIENT_ID", "")
	}
	addresses := map[string]string{}
	switch p.Type {
	case TypeOIDC:
		addresses["ISSUER_URL"] = p.IssuerURL
		if p.Claims.Subject != "" {
			report("CLAIM_MAPPINGS.SUBJECT", p.Claims.Subject)
		}
	case TypeOAuth2:
		addresses["AUTHORIZATION_URL"], addresses["TOKEN_URL"], addresses["USERINFO_URL"] = p.AuthorizationURL, p.TokenURL, p.UserinfoURL
	}
	for key, address := range addresses {
		if !p.trusts(address) {
			report(key, address)
		}
	}
}

// trusts reports whether secrets may be sent to address: over https, to this
// machine, or where AllowHTTP permits it.
func (p Provider) trusts(address string) bool {
	u, err := url.Parse(address)
	if err != nil || !isURL(address) || u.Fragment != "" || p.Type == TypeOIDC && u.RawQuery != "" {
		return false
	}
	ip, _ := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || p.AllowHTTP || u.Hostname() == "localhost" || ip.Unmap().IsLoopback()
}
