package config

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProviders(t *testing.T) {
	t.Parallel()
	want := []Provider{{
		Name: "our-corp", DisplayName: "our-corp", Type: "oidc", Enabled: true, ClientID: "id", ClientSecret: "from-env",
		IssuerURL: "https://id.example.com/", Scopes: []string{"openid", "mail"}, AllowedDomains: []string{"example.com"},
		SignupEnabled: true, Claims: ClaimMappings{Name: "full", Email: "user.mail"},
	}}
	own := []string{"AUTH_PROVIDERS_OUR_CORP_CLIENT_SECRET", "from-env"}
	cfg, err := Load("", env(append(own, "AUTH_PROVIDERS", `[{"NAME":"our-corp","TYPE":"OIDC","CLIENT_ID":"id","CLIENT_SECRET":"x",
		"ISSUER_URL":"https://id.example.com/","SCOPES":"openid mail","ALLOWED_DOMAINS":["@Example.com"],"CLAIM_MAPPINGS":{"NAME":"full","Email":"user.mail"}}]`)...))
	require.NoError(t, err)
	require.Equal(t, want, cfg.Auth.Providers)

	cfg, err = Load(file(t, `
auth:
  BUILTIN: {ENABLED: false}
  providers:
    - name: our-corp
      type: oidc
      Client_ID: id
      ISSUER_URL: https://id.example.com/
      SCOPES: [openid, mail]
      ALLOWED_DOMAINS: example.com
      CLAIM_MAPPINGS: {name: full, EMAIL: user.mail}
`), env(own...))
	require.NoError(t, err, "a provider is a way to log in")
	require.Equal(t, want, cfg.Auth.Providers)
	require.NotContains(t, cfg.Auth.Providers[0].String(), "from-env")
}

func TestGitHubIsKnown(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, info string
		want       bool
	}{
		{"github", "https://127.0.0.1/user", true},
		{"code", "https://api.github.com/user", true},
		{"code", "https://git.example.com/api/v3/user", true},
		{"code", "https://gitlab.example.com/api/v4/user", false},
	} {
		cfg, err := Load("", env("AUTH_PROVIDERS", `[{"NAME":"`+tc.name+`","TYPE":"oauth2","CLIENT_ID":"id",
			"AUTHORIZATION_URL":"https://h/a","TOKEN_URL":"http://localhost/t","USERINFO_URL":"`+tc.info+`"}]`))
		require.NoError(t, err)
		p := cfg.Auth.Providers[0]
		require.Equal(t, tc.want, p.GitHub(), tc)
		require.Equal(t, tc.want, len(p.Scopes) == 2, p.Scopes)
	}
}

func TestProviderFaults(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-hunter2"
	for name, tc := range map[string]struct {
		entries string
		want    []string
	}{
		"several at once": {
			`[{"NAME":"A b","TYPE":"saml"},{"NAME":"c","TYPE":"oidc"},{"NAME":"d","TYPE":"oauth2","CLIENT_SECRET":"` + secret + `","TOKEN_URL":"ftp://x"}]`,
			[]string{
				"AUTH.PROVIDERS[0].NAME: must be 1 to 40", "[0].TYPE: must be oidc or oauth2", "[1].CLIENT_ID: must be set", "[1].ISSUER_URL: must be a URL",
				"[2].CLIENT_ID: must be set", "[2].AUTHORIZATION_URL: must be a URL", "[2].TOKEN_URL: must be a URL", "[2].USERINFO_URL: must be a URL",
			},
		},
		"a name used twice":      {`[{"NAME":"c","TYPE":"oidc","ENABLED":false},{"NAME":"c","TYPE":"oidc","ENABLED":false}]`, []string{"AUTH.PROVIDERS: must be a list of providers with different names"}},
		"plain http":             {`[{"NAME":"c","TYPE":"oidc","CLIENT_ID":"x","ISSUER_URL":"http://id.example.com"}]`, []string{"ISSUER_URL: must be a URL with https"}},
		"a password in a URL":    {`[{"NAME":"c","TYPE":"oidc","CLIENT_ID":"x","ISSUER_URL":"https://u:` + secret + `@id.example.com"}]`, []string{"ISSUER_URL: must be"}},
		"a subject of OpenID":    {`[{"NAME":"c","TYPE":"oidc","CLIENT_ID":"x","ISSUER_URL":"https://h","CLAIM_MAPPINGS":{"SUBJECT":"email"}}]`, []string{"CLAIM_MAPPINGS.SUBJECT"}},
		"an unknown key":         {`[{"NAME":"c","TYPE":"oidc","ISSUER":"https://h"}]`, []string{"AUTH.PROVIDERS[0] has invalid keys: ISSUER"}},
		"a wrong type":           {`[{"NAME":"c","TYPE":"oidc","ENABLED":"perhaps"}]`, []string{"AUTH.PROVIDERS[0].ENABLED: must be true or false"}},
		"an entry for a list":    {`{"NAME":"c"}`, []string{"AUTH.PROVIDERS: must be a list"}},
		"no provider is enabled": {`[{"NAME":"c","TYPE":"oidc","ENABLED":false}]`, []string{"AUTH.BUILTIN.ENABLED: must be true unless"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load("", env("AUTH_PROVIDERS", tc.entries, "AUTH_BUILTIN_ENABLED", "false"))
			for _, want := range tc.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), secret)
		})
	}
	for _, fine := range []string{`"ISSUER_URL":"http://127.0.0.1:9/"`, `"ISSUER_URL":"http://[::1]:9"`, `"ISSUER_URL":"http://id.example.com","ALLOW_HTTP":true`} {
		_, err := Load("", env("AUTH_PROVIDERS", `[{"NAME":"c","TYPE":"oidc","CLIENT_ID":"x",`+fine+`}]`))
		require.NoError(t, err, fine)
	}
}

// What docs/people.md shows is to work as it stands there.
func TestProvidersOfTheDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/people.md")
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```yaml\n(BASE_URL.*?)```").FindStringSubmatch(string(text))
	require.NotNil(t, block)
	cfg, err := Load(file(t, block[1]), env("AUTH_PROVIDERS_GITHUB_CLIENT_SECRET", "s", "AUTH_BUILTIN_ENABLED", "false"))
	require.NoError(t, err)
	require.Len(t, cfg.Auth.Providers, 3)
	require.True(t, cfg.Auth.Providers[0].GitHub())
	require.Equal(t, "s", cfg.Auth.Providers[0].ClientSecret)
}
