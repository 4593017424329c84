package oauth_test

import (
	"crypto/rand"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/kubeorch/core/pkg/egress"
	"github.com/kubeorch/core/pkg/oauth"
	"github.com/kubeorch/core/pkg/oauth/oauthtest"
)

const redirect = "http://kubeorch.test/callback"

// clock is the time of a test.
type clock struct {
	mu    sync.Mutex
	shift time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.shift)
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shift += d
}

func client(timeout time.Duration) *http.Client {
	guard := egress.New(egress.Options{AllowLoopback: true, AllowPrivate: true})
	return guard.Client(egress.ClientOptions{AllowHTTP: true, Timeout: timeout})
}

func openID(t *testing.T, issuer string, c *clock) *oauth.Provider {
	t.Helper()
	p := oauth.New(oauth.Config{
		IssuerURL: issuer, ClientID: oauthtest.ClientID, ClientSecret: oauthtest.ClientSecret, RedirectURL: redirect,
		Scopes: []string{"openid", "profile", "email"}, AllowHTTP: true,
	}, client(10*time.Second), c.now)
	t.Cleanup(p.Close)
	return p
}

func attempt() oauth.Attempt {
	return oauth.Attempt{State: rand.Text(), Nonce: rand.Text() + rand.Text(), Verifier: oauth2.GenerateVerifier()}
}

// login logs one person in.
func login(t *testing.T, p *oauth.Provider, b *oauthtest.Browser) (oauth.Person, error) {
	t.Helper()
	a := attempt()
	at, err := p.AuthURL(t.Context(), a)
	if err != nil {
		return oauth.Person{}, err
	}
	q := b.Open(t, at).Query()
	require.Equal(t, a.State, q.Get("state"))
	return p.Login(t.Context(), a, oauth.Callback{Code: q.Get("code"), Issuer: q.Get("iss")})
}

func browser(t *testing.T, who string) *oauthtest.Browser {
	t.Helper()
	return oauthtest.NewBrowser(t, nil, redirect).As(who)
}

func requireReason(t *testing.T, want oauth.Reason, err error) {
	t.Helper()
	var e *oauth.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, want, e.Reason, err)
}

func TestOpenIDLogin(t *testing.T) {
	t.Parallel()
	at := oauthtest.Start(t, redirect)
	at.Add("ann@example.org", "Ann Example", true)
	at.Add("bob@example.org", "Bob Example", false)
	p := openID(t, at.URL, &clock{})
	require.Zero(t, at.Requests("/.well-known/openid-configuration"), "nothing is asked before the first login")

	ann, err := login(t, p, browser(t, "ann@example.org"))
	require.NoError(t, err)
	require.Equal(t, oauth.Person{Subject: ann.Subject, Email: "ann@example.org", Name: "Ann Example", Checked: oauth.Verified}, ann)
	again, err := login(t, p, browser(t, "ann@example.org"))
	require.NoError(t, err)
	require.Equal(t, ann, again)
	bob, err := login(t, p, browser(t, "bob@example.org"))
	require.NoError(t, err)
	require.Equal(t, oauth.Unverified, bob.Checked)
	require.NotEqual(t, ann.Subject, bob.Subject)
	require.Equal(t, 1, at.Requests("/.well-known/openid-configuration"))

	cancelled := browser(t, "").Open(t, mustURL(t, p)).Query()
	require.Equal(t, "access_denied", cancelled.Get("error"))
}

func mustURL(t *testing.T, p *oauth.Provider) string {
	t.Helper()
	at, err := p.AuthURL(t.Context(), attempt())
	require.NoError(t, err)
	return at
}

// The code, the nonce and the verifier of one attempt are of no use in another.
func TestAttemptsDoNotMix(t *testing.T) {
	t.Parallel()
	at := oauthtest.Start(t, redirect)
	at.Add("ann@example.org", "Ann", true)
	p := openID(t, at.URL, &clock{})
	for name, tc := range map[string]struct {
		change func(*oauth.Attempt, *oauth.Callback)
		want   oauth.Reason
	}{
		"another nonce":    {func(a *oauth.Attempt, _ *oauth.Callback) { a.Nonce = rand.Text() }, oauth.Untrusted},
		"another verifier": {func(a *oauth.Attempt, _ *oauth.Callback) { a.Verifier = oauth2.GenerateVerifier() }, oauth.Refused},
		"another code":     {func(_ *oauth.Attempt, r *oauth.Callback) { r.Code = "guess" }, oauth.Refused},
		"another issuer":   {func(_ *oauth.Attempt, r *oauth.Callback) { r.Issuer = "https://evil.example" }, oauth.Untrusted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := attempt()
			to, err := p.AuthURL(t.Context(), a)
			require.NoError(t, err)
			back := oauth.Callback{Code: browser(t, "ann@example.org").Open(t, to).Query().Get("code")}
			code := back.Code
			tc.change(&a, &back)
			_, err = p.Login(t.Context(), a, back)
			requireReason(t, tc.want, err)
			for _, secret := range []string{code, a.Verifier, a.Nonce, oauthtest.ClientSecret} {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
}

func TestCodesAreRedeemedOnce(t *testing.T) {
	t.Parallel()
	at := oauthtest.Start(t, redirect)
	at.Add("ann@example.org", "Ann", true)
	p, a := openID(t, at.URL, &clock{}), attempt()
	to, err := p.AuthURL(t.Context(), a)
	require.NoError(t, err)
	back := oauth.Callback{Code: browser(t, "ann@example.org").Open(t, to).Query().Get("code")}
	_, err = p.Login(t.Context(), a, back)
	require.NoError(t, err)
	_, err = p.Login(t.Context(), a, back)
	requireReason(t, oauth.Refused, err)
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	at := oauthtest.Start(t, redirect)
	at.Add("ann@example.org", "Ann", true)
	p := openID(t, at.URL, &clock{})
	for range 3 {
		_, err := login(t, p, browser(t, "ann@example.org"))
		require.NoError(t, err)
		at.Rotate()
	}
	require.Equal(t, 3, at.Requests("/keys"))
	require.Equal(t, 1, at.Requests("/.well-known/openid-configuration"))
}

func TestProviderThatIsDown(t *testing.T) {
	t.Parallel()
	at, c := oauthtest.Start(t, redirect), &clock{}
	at.Add("ann@example.org", "Ann", true)
	at.SetDown(true)
	p := openID(t, at.URL, c)
	const asked = "/.well-known/openid-configuration"

	for range 5 { // within the pause no request is sent
		_, err := p.AuthURL(t.Context(), attempt())
		requireReason(t, oauth.Unreachable, err)
	}
	require.Equal(t, 1, at.Requests(asked))
	for range 10 {
		c.pass(2 * time.Minute)
		_, err := p.AuthURL(t.Context(), attempt())
		requireReason(t, oauth.Unreachable, err)
	}
	require.Equal(t, 11, at.Requests(asked))

	at.SetDown(false)
	_, err := p.AuthURL(t.Context(), attempt())
	requireReason(t, oauth.Unreachable, err)
	c.pass(time.Minute + time.Second)
	_, err = login(t, p, browser(t, "ann@example.org"))
	require.NoError(t, err)

	// Endpoints that have been read are used while the provider is down.
	at.SetDown(true)
	c.pass(2 * time.Hour)
	_, err = p.AuthURL(t.Context(), attempt())
	require.NoError(t, err)
	_, err = p.Login(t.Context(), attempt(), oauth.Callback{Code: "x"})
	requireReason(t, oauth.Unreachable, err)
}

func TestDiscoveryIsShared(t *testing.T) {
	t.Parallel()
	at := oauthtest.Start(t, redirect)
	p := openID(t, at.URL, &clock{})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			_, err := p.AuthURL(t.Context(), attempt())
			assert.NoError(t, err)
		})
	}
	all.Wait()
	require.Equal(t, 1, at.Requests("/.well-known/openid-configuration"))
}
