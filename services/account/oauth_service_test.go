package account

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/oauth"
	"github.com/kubeorch/core/repositories"
)

// fakePeer says that the person is whoever the code names.
type fakePeer struct {
	down   error
	people map[string]oauth.Person

	mu   sync.Mutex
	seen oauth.Attempt // of the last login
}

func (f *fakePeer) AuthURL(_ context.Context, a oauth.Attempt) (string, error) {
	return "https://id.example/auth?state=" + a.State + "&nonce=" + a.Nonce + "&challenge=" + a.Verifier, f.down
}

func (f *fakePeer) Login(_ context.Context, a oauth.Attempt, back oauth.Callback) (oauth.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = a
	who, ok := f.people[back.Code]
	if !ok {
		return oauth.Person{}, &oauth.Error{Reason: oauth.Refused, Err: errors.New("the token endpoint answered 400 invalid_grant")}
	}
	return who, f.down
}

// club is a house that can be entered through two providers.
type club struct {
	*house

	oauth *OAuth
	corp  *fakePeer
	log   strings.Builder
}

func openClub(t *testing.T, change func(*OAuthProvider)) *club {
	t.Helper()
	c := &club{house: openAccounts(t), corp: &fakePeer{people: map[string]oauth.Person{}}}
	corp := OAuthProvider{AuthProvider: models.AuthProvider{Name: "corp", DisplayName: "The Corp"}, SignupEnabled: true, Peer: c.corp}
	if change != nil {
		change(&corp)
	}
	other := OAuthProvider{AuthProvider: models.AuthProvider{Name: "other", DisplayName: "Other"}, SignupEnabled: true, Peer: c.corp}
	c.oauth = NewOAuth(OAuthDeps{
		Providers: []OAuthProvider{corp, other}, Auth: c.auth, Users: c.store, Codes: repositories.NewCodes(c.db),
		APITokens: NewAPITokens(repositories.NewAPITokens(c.db), c.store, c.sessions, maxAPITokens, c.now),
		Log:       slog.New(slog.NewTextHandler(&c.log, nil)), Now: c.now,
	})
	return c
}

func annAt(checked oauth.Verification) oauth.Person {
	return oauth.Person{Subject: "s-ann", Email: "Ann@Example.org", Name: "Ann", Checked: checked}
}

// busyRetryAfter is a browser that returns from a provider as who.
func (c *club) busyRetryAfter(t *testing.T, provider string, who oauth.Person) (code string, err error) {
	t.Helper()
	start, err := c.oauth.Begin(t.Context(), provider)
	require.NoError(t, err)
	c.corp.mu.Lock()
	c.corp.people[who.Subject] = who
	c.corp.mu.Unlock()
	return c.oauth.Finish(t.Context(), models.OAuthReturn{
		Provider: provider, State: start.State, Browser: start.Browser, Code: models.NewSecret(who.Subject),
	})
}

func (c *club) login(t *testing.T, provider string, who oauth.Person) (models.Session, error) {
	t.Helper()
	code, err := c.busyRetryAfter(t, provider, who)
	if err != nil {
		return models.Session{}, err
	}
	return c.oauth.Exchange(t.Context(), models.OAuthExchange{Code: models.NewSecret(code)})
}

func requireRefused(t *testing.T, err error, text string) {
	t.Helper()
	require.Equal(t, models.Forbidden, models.KindOf(err), err)
	require.Contains(t, models.MessageOf(err), text)
}

func TestOAuthLogin(t *testing.T) {
	t.Parallel()
	c := openClub(t, nil)
	first, err := c.login(t, "corp", annAt(oauth.Verified))
	require.NoError(t, err)
	require.Equal(t, models.RoleAdmin, first.User.Role)
	require.Equal(t, "ann@example.org", first.User.Email)
	require.Equal(t, "corp", first.User.AuthProvider)
	_, err = c.sessions.Authenticate(t.Context(), first.Token)
	require.NoError(t, err)
	invites, err := c.settings.Invites(t.Context())
	require.NoError(t, err)
	require.Len(t, invites.InviteCode, 6, "made with the first account")

	moved := annAt(oauth.Unverified)
	moved.Email, moved.Name = "elsewhere@example.org", "Another"
	again, err := c.login(t, "corp", moved)
	require.NoError(t, err, "who is linked is known by the provider's id alone")
	require.Equal(t, first.User, again.User)

	bob, err := c.login(t, "corp", oauth.Person{Subject: "s-bob", Email: "bob@example.org", Checked: oauth.Verified})
	require.NoError(t, err)
	require.Equal(t, models.RoleUser, bob.User.Role)
	require.Equal(t, "bob", bob.User.Name)
	_, err = c.auth.Login(t.Context(), models.Login{Email: "bob@example.org", Password: models.NewSecret("secret1")})
	require.Equal(t, models.Unauthenticated, models.KindOf(err), "there is no password")
}

func TestOAuthStateIsBoundAndSingleUse(t *testing.T) {
	t.Parallel()
	c := openClub(t, nil)
	c.corp.people["ann"] = annAt(oauth.Verified)
	for name, change := range map[string]func(*models.OAuthReturn){
		"another browser":  func(r *models.OAuthReturn) { r.Browser = models.NewSecret("another") },
		"no cookie":        func(r *models.OAuthReturn) { r.Browser = models.Secret{} },
		"another provider": func(r *models.OAuthReturn) { r.Provider = "other" },
		"a made-up state":  func(r *models.OAuthReturn) { r.State = "made-up" },
		"no state":         func(r *models.OAuthReturn) { r.State = "" },
		"100 KB of state":  func(r *models.OAuthReturn) { r.State = strings.Repeat("s", 100_000) },
		"words of a stranger": func(r *models.OAuthReturn) {
			r.State, r.Error, r.ErrorDescription = "made-up", "x", "your account is locked; call 555-1234"
		},
	} {
		start, err := c.oauth.Begin(t.Context(), "corp")
		require.NoError(t, err)
		in := models.OAuthReturn{Provider: "corp", State: start.State, Browser: start.Browser, Code: models.NewSecret("ann")}
		change(&in)
		_, err = c.oauth.Finish(t.Context(), in)
		requireRefused(t, err, "this login has expired")
		require.NotContains(t, models.MessageOf(err), "555", name)
	}
	require.Zero(t, c.corp.seen, "no provider was asked")

	start, err := c.oauth.Begin(t.Context(), "corp")
	require.NoError(t, err)
	in := models.OAuthReturn{Provider: "corp", State: start.State, Browser: start.Browser, Code: models.NewSecret("ann")}
	_, err = c.oauth.Finish(t.Context(), in)
	require.NoError(t, err)
	require.Contains(t, start.URL, "nonce="+c.corp.seen.Nonce+"&challenge="+c.corp.seen.Verifier, "both halves are one attempt")
	require.GreaterOrEqual(t, len(c.corp.seen.Verifier), 43)
	_, err = c.oauth.Finish(t.Context(), in)
	requireRefused(t, err, "this login has expired")

	old, err := c.oauth.Begin(t.Context(), "corp")
	require.NoError(t, err)
	c.pass(oauthStateTTL)
	in.State, in.Browser = old.State, old.Browser
	_, err = c.oauth.Finish(t.Context(), in)
	requireRefused(t, err, "this login has expired")
	_, err = c.oauth.Begin(t.Context(), "nobody")
	require.Equal(t, models.NotFound, models.KindOf(err))
}

func TestOAuthProviderTroubles(t *testing.T) {
	t.Parallel()
	c := openClub(t, nil)
	ask := func(change func(*models.OAuthReturn)) error {
		start, err := c.oauth.Begin(t.Context(), "corp")
		require.NoError(t, err)
		in := models.OAuthReturn{Provider: "corp", State: start.State, Browser: start.Browser, Code: models.NewSecret("the-code")}
		change(&in)
		_, err = c.oauth.Finish(t.Context(), in)
		return err
	}
	require.Contains(t, models.MessageOf(ask(func(*models.OAuthReturn) {})), "The Corp did not accept this login")
	requireRefused(t, ask(func(r *models.OAuthReturn) { r.Error = "access_denied" }), "the login at The Corp was cancelled")
	requireRefused(t, ask(func(r *models.OAuthReturn) { r.Code = models.Secret{} }), "no code")
	long := ask(func(r *models.OAuthReturn) {
		r.Error, r.ErrorDescription = "x", "bad\r\n\x1b[31m"+strings.Repeat("€", 9000)
	})
	requireRefused(t, long, `The Corp refused the login: "bad`)
	require.Less(t, len(models.MessageOf(long)), 1000)
	require.NotContains(t, models.MessageOf(long), "\n")

	c.corp.people["ann"] = annAt(oauth.Verified)
	start, err := c.oauth.Begin(t.Context(), "corp")
	require.NoError(t, err)
	c.corp.down = &oauth.Error{Err: errors.New("dial tcp: connection refused")}
	_, err = c.oauth.Begin(t.Context(), "corp")
	require.Equal(t, models.Unavailable, models.KindOf(err))
	require.NotContains(t, models.MessageOf(err), "dial")
	_, err = c.oauth.Finish(t.Context(), models.OAuthReturn{Provider: "corp", State: start.State, Browser: start.Browser, Code: models.NewSecret("ann")})
	require.Equal(t, models.Unavailable, models.KindOf(err))
	require.Contains(t, c.log.String(), "connection refused")
	for _, secret := range []string{"the-code", start.State, start.Browser.Reveal()} {
		require.NotContains(t, c.log.String(), secret)
	}
}

func TestOAuthExchange(t *testing.T) {
	t.Parallel()
	c := openClub(t, nil)
	exchange := func(code string) (models.Session, error) {
		return c.oauth.Exchange(t.Context(), models.OAuthExchange{Code: models.NewSecret(code)})
	}
	_, err := exchange("")
	require.Equal(t, models.Invalid, models.KindOf(err))
	fresh := func() string {
		code, err := c.busyRetryAfter(t, "corp", annAt(oauth.Verified))
		require.NoError(t, err)
		return code
	}
	used, ended := fresh(), fresh()
	s, err := exchange(used)
	require.NoError(t, err)
	id, err := c.sessions.Authenticate(t.Context(), s.Token)
	require.NoError(t, err)
	list, err := c.sessions.List(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "corp", list[0].Method)
	late := fresh()
	c.pass(oauthGrantTTL)

	// The account's sessions were ended after the code was made.
	_, err = c.db.Collection("users").UpdateByID(t.Context(), s.User.ID, bson.M{"$inc": bson.M{"session_epoch": 1}})
	require.NoError(t, err)
	for name, code := range map[string]string{"used": used, "unknown": "guess", "expired": late, "ended since": ended} {
		_, err = exchange(code)
		require.Equal(t, models.Unauthenticated, models.KindOf(err), name)
	}
}
