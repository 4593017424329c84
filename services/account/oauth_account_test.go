package account

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/oauth"
)

// Somebody made an account with an address that is not theirs. When the owner
// of the address comes, nothing of theirs may stay open to the other.
func TestOAuthLinksVerifiedAddress(t *testing.T) {
	t.Parallel()
	c := openClub(t, nil)
	r := registration(0)
	r.Email = "ann@example.org"
	squatter, err := c.auth.Register(t.Context(), r)
	require.NoError(t, err)
	token, err := c.oauth.deps.APITokens.(*APITokens).Create(t.Context(), squatter.User.ID, models.APITokenInput{Name: "t", Scope: models.ScopeAdmin})
	require.NoError(t, err)
	for _, good := range []string{squatter.Token, token.Token} {
		_, err = c.sessions.Authenticate(t.Context(), good)
		require.NoError(t, err)
	}

	for _, checked := range []oauth.Verification{oauth.Unverified, oauth.Unknown} {
		_, err = c.login(t, "corp", annAt(checked))
		requireRefused(t, err, "verified")
	}
	u, err := c.store.ByID(t.Context(), squatter.User.ID)
	require.NoError(t, err)
	require.NotEmpty(t, u.PasswordHash, "a refused login changes nothing")

	owner, err := c.login(t, "corp", annAt(oauth.Verified))
	require.NoError(t, err)
	require.Equal(t, squatter.User.ID, owner.User.ID)
	require.Equal(t, "corp", owner.User.AuthProvider)
	for name, gone := range map[string]string{"session": squatter.Token, "API token": token.Token} {
		_, err = c.sessions.Authenticate(t.Context(), gone)
		require.Equal(t, models.Unauthenticated, models.KindOf(err), name)
	}
	_, err = c.auth.Login(t.Context(), models.Login{Email: r.Email, Password: r.Password})
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
	_, err = c.sessions.Authenticate(t.Context(), owner.Token)
	require.NoError(t, err)

	elsewhere := annAt(oauth.Verified)
	_, err = c.login(t, "other", elsewhere)
	requireRefused(t, err, "another login")
	elsewhere.Subject = "s-2"
	_, err = c.login(t, "corp", elsewhere)
	requireRefused(t, err, "another login")
}

func TestOAuthRefusals(t *testing.T) {
	t.Parallel()
	domains := func(p *OAuthProvider) { p.AllowedDomains = []string{"corp.example"} }
	closed := func(p *OAuthProvider) { p.SignupEnabled = false }
	person := func(email string, checked oauth.Verification) oauth.Person {
		return oauth.Person{Subject: "s", Email: email, Checked: checked}
	}
	for name, tc := range map[string]struct {
		rules func(*OAuthProvider)
		who   oauth.Person
		want  string // empty: accepted
	}{
		"no address":                        {who: person("", oauth.Verified), want: "no usable e-mail"},
		"no address that is one":            {who: person("ann at example", oauth.Verified), want: "no usable e-mail"},
		"a letter that only looks the same": {who: person("fran\u212a@corp.example", oauth.Verified), want: "no usable e-mail"},
		"an address that is not verified":   {who: person("a@corp.example", oauth.Unverified), want: "not verified"},
		"nothing said, and nobody there":    {who: person("a@corp.example", oauth.Unknown)},
		"a domain that is allowed":          {rules: domains, who: person("A@Corp.Example", oauth.Verified)},
		"a domain that is not":              {rules: domains, who: person("a@evil.example", oauth.Verified), want: "domain"},
		"a domain that contains it":         {rules: domains, who: person("a@corp.example.evil.example", oauth.Verified), want: "domain"},
		"a domain in front":                 {rules: domains, who: person(`"x@corp.example"@evil.example`, oauth.Verified), want: "domain"},
		"an allowed domain, not verified":   {rules: domains, who: person("a@corp.example", oauth.Unverified), want: "verified"},
		"an allowed domain, nothing said":   {rules: domains, who: person("a@corp.example", oauth.Unknown), want: "verified"},
		"nobody new":                        {rules: closed, who: person("a@corp.example", oauth.Verified), want: "no account here"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := openClub(t, tc.rules)
			_, err := c.login(t, "corp", tc.who)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			requireRefused(t, err, tc.want)
			first, err := c.store.HasAdmin(t.Context())
			require.NoError(t, err)
			require.False(t, first, "no account was made")
		})
	}
}

func TestOAuthFirstLoginsAtOnce(t *testing.T) {
	t.Parallel()
	c := openClub(t, nil)
	const many = 20
	var (
		all      sync.WaitGroup
		mu       sync.Mutex
		sessions []models.Session
	)
	for i := range 2 * many { // each twice, as in two tabs
		all.Go(func() {
			n := i % many
			s, err := c.login(t, "corp", oauth.Person{
				Subject: fmt.Sprintf("s-%d", n), Email: fmt.Sprintf("user%d@example.org", n), Checked: oauth.Verified,
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("%d: %v", n, err)
				return
			}
			sessions = append(sessions, s)
		})
	}
	all.Wait()
	people := map[string]string{}
	for _, s := range sessions {
		people[s.User.ID] = s.User.Role
	}
	require.Len(t, people, many, "two tabs make one account")
	count := 0
	for _, role := range people {
		if role == models.RoleAdmin {
			count++
		}
	}
	require.Equal(t, 1, count)
}
