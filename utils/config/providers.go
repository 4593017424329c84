package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Provider is an external service that people log in with.
type Provider struct {
	Name             string // the slug in paths
	DisplayName      string
	Type             string // oidc or oauth2
	Enabled          bool
	ClientID         string
	ClientSecret     string
	IssuerURL        string // of oidc
	AuthorizationURL string // of oauth2, as the next two
	TokenURL         string
	UserinfoURL      string
	Scopes           []string
	Icon             string
	AllowedDomains   []string // lower-case
	SignupEnabled    bool
	TrustEmail       bool
	AllowHTTP        bool
	Claims           ClaimMappings
}

// ClaimMappings names the claims to read in place of the usual ones.
type ClaimMappings struct {
	Subject       string `json:"subject"`
	Email         string `json:"email"`
	EmailVerified string `json:"email_verified"`
	Name          string `json:"name"`
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

// providerInput is an entry as people write it. Keys match in any case.
type providerInput struct {
	Name             string        `json:"name"`
	DisplayName      string        `json:"display_name"`
	Type             string        `json:"type"`
	Enabled          *bool         `json:"enabled"`
	ClientID         string        `json:"client_id"`
	ClientSecret     string        `json:"client_secret"`
	IssuerURL        string        `json:"issuer_url"`
	AuthorizationURL string        `json:"authorization_url"`
	TokenURL         string        `json:"token_url"`
	UserinfoURL      string        `json:"userinfo_url"`
	Scopes           words         `json:"scopes"`
	Icon             string        `json:"icon"`
	AllowedDomains   words         `json:"allowed_domains"`
	SignupEnabled    *bool         `json:"signup_enabled"`
	TrustEmail       bool          `json:"trust_email"`
	AllowHTTP        bool          `json:"allow_http"`
	Claims           ClaimMappings `json:"claim_mappings"`
}

// words is a list, or text with commas or spaces.
type words []string

// UnmarshalJSON reads either.
func (w *words) UnmarshalJSON(b []byte) error {
	if text := ""; json.Unmarshal(b, &text) == nil {
		*w = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
		return nil
	}
	return json.Unmarshal(b, (*[]string)(w))
}

// providers reads a YAML list, or JSON from the environment.
func (r *reader) providers(key string) (list []Provider) {
	var data []byte
	switch raw := r.v.Get(key).(type) {
	case string:
		data = []byte(raw)
	default:
		data, _ = json.Marshal(raw) // values of YAML: the decoder below refuses what does not fit
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(data, &entries); err != nil {
		r.faultf(key, "must be a list of providers: %v", err)
		return nil
	}
	names := map[string]bool{}
	for i, entry := range entries {
		dec := json.NewDecoder(bytes.NewReader(entry))
		dec.DisallowUnknownFields()
		var in providerInput
		err := dec.Decode(&in)
		at := providerFaults{r: r, at: fmt.Sprintf("%s[%d] (%s)", key, i, in.Name)}
		if err != nil {
			at.addf("", "cannot be read: %v", err)
			continue
		}
		if names[in.Name] {
			at.addf("NAME", "is used twice")
		}
		names[in.Name] = true
		p := r.provider(in)
		at.check(p)
		list = append(list, p)
	}
	return list
}

// provider completes an entry with the environment and the defaults.
func (r *reader) provider(in providerInput) Provider {
	own := "AUTH_PROVIDERS_" + strings.ToUpper(strings.ReplaceAll(in.Name, "-", "_"))
	for suffix, to := range map[string]*string{"_CLIENT_ID": &in.ClientID, "_CLIENT_SECRET": &in.ClientSecret} {
		if value := fromEnv(r.getenv, own+suffix); value != "" {
			*to = value
		}
	}
	p := Provider{
		Name: in.Name, DisplayName: in.DisplayName, Type: strings.ToLower(in.Type), Enabled: in.Enabled == nil || *in.Enabled,
		ClientID: in.ClientID, ClientSecret: in.ClientSecret, IssuerURL: in.IssuerURL,
		AuthorizationURL: in.AuthorizationURL, TokenURL: in.TokenURL, UserinfoURL: in.UserinfoURL,
		Scopes: in.Scopes, Icon: in.Icon, SignupEnabled: in.SignupEnabled == nil || *in.SignupEnabled,
		TrustEmail: in.TrustEmail, AllowHTTP: in.AllowHTTP, Claims: in.Claims,
	}
	if p.DisplayName == "" {
		p.DisplayName = p.Name
	}
	for _, d := range in.AllowedDomains {
		p.AllowedDomains = append(p.AllowedDomains, strings.ToLower(strings.TrimPrefix(d, "@")))
	}
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
	return p
}

// providerFaults collects what is wrong with one entry.
type providerFaults struct {
	r  *reader
	at string
}

func (f providerFaults) addf(key, format string, args ...any) {
	if key != "" {
		format = key + " " + format
	}
	f.r.faultf(f.at, format, args...)
}

// check looks at an entry that is not enabled only as far as it could be
// mistaken for another one.
func (f providerFaults) check(p Provider) {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`).MatchString(p.Name) {
		f.addf("NAME", "must be 1 to 40 lower-case letters, digits and hyphens")
	}
	if p.Type != TypeOIDC && p.Type != TypeOAuth2 {
		f.addf("TYPE", "must be %s or %s", TypeOIDC, TypeOAuth2)
	}
	if !p.Enabled {
		return
	}
	if p.ClientID == "" {
		f.addf("CLIENT_ID", "is required")
	}
	if p.Type == TypeOIDC {
		f.checkURL("ISSUER_URL", p.IssuerURL, p.AllowHTTP)
		if p.Claims.Subject != "" {
			f.addf("CLAIM_MAPPINGS.SUBJECT", "is for %s only: here it is always sub", TypeOAuth2)
		}
	}
	if p.Type == TypeOAuth2 {
		f.checkURL("AUTHORIZATION_URL", p.AuthorizationURL, p.AllowHTTP)
		f.checkURL("TOKEN_URL", p.TokenURL, p.AllowHTTP)
		f.checkURL("USERINFO_URL", p.UserinfoURL, p.AllowHTTP)
	}
}

func (f providerFaults) checkURL(key, value string, allowHTTP bool) {
	u, err := url.Parse(value)
	switch {
	case value == "":
		f.addf(key, "is required")
	case err != nil || !isURL(value) || u.Fragment != "" || key == "ISSUER_URL" && u.RawQuery != "":
		f.addf(key, "must be a URL with https")
	case u.Scheme == "http" && !allowHTTP && !loopback(u.Hostname()):
		f.addf(key, "must be a URL with https: secrets are sent there (ALLOW_HTTP: true permits http)")
	}
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && net.IP(ip.AsSlice()).IsLoopback()
}
