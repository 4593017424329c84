package services

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

const testSecret = "a secret of the tests, long enough for all"

// house is the accounts on a database of their own, with a clock to turn.
type house struct {
	auth     *Auth
	users    *Users
	settings *Settings
	store    *repositories.Users

	mu    sync.Mutex
	shift time.Duration
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(h.shift)
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shift += d
}

func openHouse(t *testing.T, rules AuthRules, invites models.InviteSettings) *house {
	t.Helper()
	db := dbtest.Open(t).Database()
	h := &house{store: repositories.NewUsers(db)}
	passwords := NewPasswords(bcrypt.MinCost)
	tokens := NewTokens(testSecret, 48*time.Hour, 7*24*time.Hour, h.now)
	h.settings = NewSettings(repositories.NewSettings(db), invites)
	h.auth = NewAuth(rules, h.store, h.settings, passwords, tokens)
	h.users = NewUsers(h.store, passwords)
	return h
}

func openAccounts(t *testing.T) *house {
	return openHouse(t, AuthRules{Enabled: true, SignupEnabled: true}, models.InviteSettings{InviteCode: "012345"})
}

func registration(i int) models.Registration {
	return models.Registration{
		Name: fmt.Sprintf("User %d", i), Email: fmt.Sprintf("user%d@example.org", i),
		Password: models.NewSecret("secret1"), InviteCode: "012345",
	}
}

// together registers n people at the same moment and returns how it went.
func (h *house) together(t *testing.T, n int, reg func(int) models.Registration) (sessions []models.Session, kinds map[models.Kind]int) {
	t.Helper()
	var (
		start, done sync.WaitGroup
		mu          sync.Mutex
	)
	kinds = map[models.Kind]int{}
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			s, err := h.auth.Register(t.Context(), reg(i))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				kinds[models.KindOf(err)]++
				return
			}
			sessions = append(sessions, s)
		})
	}
	start.Done()
	done.Wait()
	return sessions, kinds
}

func admins(sessions []models.Session) (n int) {
	for _, s := range sessions {
		if s.User.Role == models.RoleAdmin {
			n++
		}
	}
	return n
}

func TestFirstAccountIsAdminExactlyOnce(t *testing.T) {
	t.Parallel()
	t.Run("everybody knows the code", func(t *testing.T) {
		t.Parallel()
		sessions, kinds := openAccounts(t).together(t, 50, registration)
		require.Empty(t, kinds)
		require.Len(t, sessions, 50)
		require.Equal(t, 1, admins(sessions))
	})
	t.Run("nobody knows the code", func(t *testing.T) {
		t.Parallel()
		sessions, kinds := openAccounts(t).together(t, 50, func(i int) models.Registration {
			r := registration(i)
			r.InviteCode = ""
			return r
		})
		require.Len(t, sessions, 1)
		require.Equal(t, 1, admins(sessions))
		require.Equal(t, map[models.Kind]int{models.Forbidden: 49}, kinds)
	})
	t.Run("everybody has the same address", func(t *testing.T) {
		t.Parallel()
		sessions, kinds := openAccounts(t).together(t, 20, func(int) models.Registration { return registration(1) })
		require.Len(t, sessions, 1)
		require.Equal(t, map[models.Kind]int{models.Conflict: 19}, kinds)
	})
}

func TestInviteCodeIsUsedUp(t *testing.T) {
	t.Parallel()
	h := openHouse(t, AuthRules{Enabled: true, SignupEnabled: true}, models.InviteSettings{InviteCode: "012345", RegenerateAfterSignup: true})
	_, err := h.auth.Register(t.Context(), registration(0))
	require.NoError(t, err)
	before, err := h.settings.Invites(t.Context())
	require.NoError(t, err)
	require.Equal(t, "012345", before.InviteCode, "the first account needs no code and leaves it")

	sessions, kinds := h.together(t, 20, func(i int) models.Registration { return registration(i + 1) })
	require.Len(t, sessions, 1)
	require.Equal(t, map[models.Kind]int{models.Forbidden: 19}, kinds)
	after, err := h.settings.Invites(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, "012345", after.InviteCode)
	require.Len(t, after.InviteCode, 6)
}

func TestInviteCodeIsGivenBack(t *testing.T) {
	t.Parallel()
	h := openHouse(t, AuthRules{Enabled: true, SignupEnabled: true}, models.InviteSettings{InviteCode: "012345", RegenerateAfterSignup: true})
	giveBack, err := h.settings.use(t.Context(), "012345")
	require.NoError(t, err)
	require.Equal(t, models.Forbidden, models.KindOf(h.settings.check(t.Context(), "012345")))
	giveBack(t.Context())
	require.NoError(t, h.settings.check(t.Context(), "012345"))
}

func TestSettings(t *testing.T) {
	t.Parallel()
	h := openHouse(t, AuthRules{Enabled: true, SignupEnabled: true}, models.InviteSettings{RegenerateAfterSignup: true})
	first, err := h.settings.NewInviteCode(t.Context())
	require.NoError(t, err)
	require.Regexp(t, `^[0-9]{6}$`, first.InviteCode)
	off := false
	now, err := h.settings.SetRegenerate(t.Context(), models.InvitePatch{RegenerateAfterSignup: &off})
	require.NoError(t, err)
	require.Equal(t, models.InviteSettings{RegenerateAfterSignup: false, InviteCode: first.InviteCode}, now)
	_, err = h.settings.SetRegenerate(t.Context(), models.InvitePatch{})
	require.Equal(t, models.Invalid, models.KindOf(err))
}

func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	h := openHouse(t, AuthRules{Enabled: true, SignupEnabled: true, AllowedDomains: []string{"example.org"}}, models.InviteSettings{InviteCode: "012345"})
	_, err := h.auth.Register(t.Context(), registration(0))
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		change func(*models.Registration)
		kind   models.Kind
		want   string
	}{
		"everything at once": {func(r *models.Registration) { *r = models.Registration{} }, models.Invalid,
			"field name: is required; field email: must be an e-mail address; field password: must have at least 6 characters"},
		"a name of spaces":      {func(r *models.Registration) { r.Name = "  " }, models.Invalid, "field name: is required"},
		"a long name":           {func(r *models.Registration) { r.Name = strings.Repeat("ä", 101) }, models.Invalid, "at most 100"},
		"a name of two lines":   {func(r *models.Registration) { r.Name = "a\nb" }, models.Invalid, "control characters"},
		"no address":            {func(r *models.Registration) { r.Email = "ann" }, models.Invalid, "field email"},
		"a display name":        {func(r *models.Registration) { r.Email = "Ann <ann@example.org>" }, models.Invalid, "field email"},
		"two addresses":         {func(r *models.Registration) { r.Email = "a@example.org,b@example.org" }, models.Invalid, "field email"},
		"a password of 73":      {func(r *models.Registration) { r.Password = models.NewSecret(strings.Repeat("a", 73)) }, models.Invalid, "at most 72 bytes"},
		"73 bytes in few":       {func(r *models.Registration) { r.Password = models.NewSecret(strings.Repeat("ä", 37)) }, models.Invalid, "at most 72 bytes"},
		"a password of 5":       {func(r *models.Registration) { r.Password = models.NewSecret("ääääa") }, models.Invalid, "at least 6 characters"},
		"a wrong code":          {func(r *models.Registration) { r.InviteCode = "999999" }, models.Forbidden, "invite code"},
		"a foreign domain":      {func(r *models.Registration) { r.Email = "a@example.com" }, models.Forbidden, "domain"},
		"a taken address":       {func(r *models.Registration) { r.Email = " USER0@Example.ORG " }, models.Conflict, "exists already"},
		"a subdomain is not it": {func(r *models.Registration) { r.Email = "a@x.example.org" }, models.Forbidden, "domain"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := registration(7)
			tc.change(&r)
			_, err := h.auth.Register(t.Context(), r)
			require.Equal(t, tc.kind, models.KindOf(err))
			require.Contains(t, models.MessageOf(err), tc.want)
		})
	}
	closed := openHouse(t, AuthRules{Enabled: true}, models.InviteSettings{})
	_, err = closed.auth.Register(t.Context(), registration(1))
	require.Equal(t, models.Forbidden, models.KindOf(err))
	require.False(t, closed.auth.Methods().Builtin.SignupEnabled)
}

func TestLogin(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	longest := models.NewSecret(strings.Repeat("p", 72))
	r := registration(0)
	r.Password = longest
	_, err := h.auth.Register(t.Context(), r)
	require.NoError(t, err)

	s, err := h.auth.Login(t.Context(), models.Login{Email: " User0@EXAMPLE.org", Password: longest})
	require.NoError(t, err)
	require.Equal(t, "user0@example.org", s.User.Email)
	id, err := h.auth.Authenticate(t.Context(), s.Token)
	require.NoError(t, err)
	require.Equal(t, models.RoleAdmin, id.Role)
	require.NotEmpty(t, id.SessionID)

	_, wrong := h.auth.Login(t.Context(), models.Login{Email: "user0@example.org", Password: models.NewSecret("secret2")})
	_, unknown := h.auth.Login(t.Context(), models.Login{Email: "nobody@example.org", Password: models.NewSecret("secret2")})
	_, longer := h.auth.Login(t.Context(), models.Login{Email: "user0@example.org", Password: models.NewSecret(longest.Reveal() + "x")})
	for _, err := range []error{wrong, unknown, longer} {
		require.Equal(t, models.Unauthenticated, models.KindOf(err))
		require.Equal(t, models.MessageOf(wrong), models.MessageOf(err))
	}
	_, err = h.auth.Login(t.Context(), models.Login{})
	require.Equal(t, models.Invalid, models.KindOf(err))
	disabled := openHouse(t, AuthRules{}, models.InviteSettings{})
	_, err = disabled.auth.Login(t.Context(), models.Login{Email: "a@b.c", Password: longest})
	require.Equal(t, models.Forbidden, models.KindOf(err))
}

// The decoy must really be compared; a malformed one would be refused at once
// and tell by the time it takes which addresses exist.
func TestUnknownAddressTakesAsLong(t *testing.T) {
	t.Parallel()
	p := NewPasswords(bcrypt.MinCost)
	err := bcrypt.CompareHashAndPassword(p.decoy, []byte("secret1"))
	require.ErrorIs(t, err, bcrypt.ErrMismatchedHashAndPassword)
	cost, err := bcrypt.Cost(p.decoy)
	require.NoError(t, err)
	require.Equal(t, bcrypt.MinCost, cost)
}

func TestHashingIsBounded(t *testing.T) {
	t.Parallel()
	p := NewPasswords(bcrypt.MinCost)
	for range hashersAtOnce {
		_, err := p.enter(t.Context())
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Hash(ctx, models.NewSecret("secret1"))
	require.Equal(t, models.Unavailable, models.KindOf(err))
}

func TestTokensRefused(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	s, err := h.auth.Register(t.Context(), registration(0))
	require.NoError(t, err)
	now := time.Now()
	good := func() jwt.MapClaims {
		return jwt.MapClaims{
			"user_id": s.User.ID, "role": "admin", "sid": "s", "iss": "kubeorch", "auth_time": now.Unix(),
			"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		}
	}
	sign := func(m jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
		c := good()
		if change != nil {
			change(c)
		}
		token, err := jwt.NewWithClaims(m, c).SignedString(key)
		require.NoError(t, err)
		return token
	}
	key := []byte(testSecret)
	_, err = h.auth.Authenticate(t.Context(), sign(jwt.SigningMethodHS256, key, nil))
	require.NoError(t, err, "the form that the cases below spoil")

	for name, token := range map[string]string{
		"empty":             "",
		"no token":          "abc",
		"no algorithm":      sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		"another algorithm": sign(jwt.SigningMethodHS512, key, nil),
		"another secret":    sign(jwt.SigningMethodHS256, []byte("another secret of the same length, say"), nil),
		"another issuer":    sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["iss"] = "other" }),
		"no end":            sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { delete(c, "exp") }),
		"no session":        sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { delete(c, "sid") }),
		"no login time":     sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { delete(c, "auth_time") }),
		"of tomorrow":       sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["iat"] = now.Add(24 * time.Hour).Unix() }),
		"not yet":           sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["nbf"] = now.Add(time.Hour).Unix() }),
		"nobody's":          sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) { c["user_id"] = models.NewID() }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := h.auth.Authenticate(t.Context(), token)
			require.Equal(t, models.Unauthenticated, models.KindOf(err))
			if name != "nobody's" && name != "not yet" {
				_, err = h.auth.Refresh(t.Context(), token)
				require.Equal(t, models.Unauthenticated, models.KindOf(err), "refresh")
			}
		})
	}
	expired := sign(jwt.SigningMethodHS256, key, func(c jwt.MapClaims) {
		c["iat"], c["nbf"], c["exp"] = now.Add(-2*time.Hour).Unix(), now.Add(-2*time.Hour).Unix(), now.Add(-time.Hour).Unix()
	})
	_, err = h.auth.Authenticate(t.Context(), expired)
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
	_, err = h.auth.Refresh(t.Context(), expired)
	require.NoError(t, err)
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	s, err := h.auth.Register(t.Context(), registration(0))
	require.NoError(t, err)
	first, err := h.auth.Authenticate(t.Context(), s.Token)
	require.NoError(t, err)

	h.pass(3 * 24 * time.Hour)
	_, err = h.auth.Authenticate(t.Context(), s.Token)
	require.Equal(t, models.Unauthenticated, models.KindOf(err), "expired")
	fresh, err := h.auth.Refresh(t.Context(), s.Token)
	require.NoError(t, err)
	require.Equal(t, s.User, fresh.User)
	again, err := h.auth.Authenticate(t.Context(), fresh.Token)
	require.NoError(t, err)
	require.Equal(t, first.SessionID, again.SessionID, "the session goes on")

	// The age counts from the login, so that refreshing cannot go on for ever.
	h.pass(5 * 24 * time.Hour)
	_, err = h.auth.Refresh(t.Context(), fresh.Token)
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
}

func TestProfile(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	s, err := h.auth.Register(t.Context(), registration(0))
	require.NoError(t, err)
	renamed, err := h.users.Rename(t.Context(), s.User.ID, models.ProfileInput{Name: " Ann "})
	require.NoError(t, err)
	want := s.User
	want.Name = "Ann"
	require.Equal(t, want, renamed)
	got, err := h.users.Profile(t.Context(), s.User.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = h.users.Rename(t.Context(), s.User.ID, models.ProfileInput{Name: " "})
	require.Equal(t, models.Invalid, models.KindOf(err))
	_, err = h.users.Profile(t.Context(), models.NewID())
	require.Equal(t, models.NotFound, models.KindOf(err))
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	s, err := h.auth.Register(t.Context(), registration(0))
	require.NoError(t, err)
	change := func(from, to string) error {
		return h.users.ChangePassword(t.Context(), s.User.ID, models.PasswordChange{
			CurrentPassword: models.NewSecret(from), NewPassword: models.NewSecret(to),
		})
	}
	require.Equal(t, models.Invalid, models.KindOf(change("wrong-1", "secret2")))
	require.Equal(t, models.Invalid, models.KindOf(change("secret1", "short")))
	require.Equal(t, models.Invalid, models.KindOf(change("", "secret2")))
	require.NoError(t, change("secret1", "secret2"))
	_, err = h.auth.Login(t.Context(), models.Login{Email: s.User.Email, Password: models.NewSecret("secret1")})
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
	_, err = h.auth.Login(t.Context(), models.Login{Email: s.User.Email, Password: models.NewSecret("secret2")})
	require.NoError(t, err)

	provided := newUser(models.Registration{Name: "P", Email: "p@example.org"}, "")
	provided.AuthProvider = "corp"
	require.NoError(t, h.store.Insert(t.Context(), provided))
	err = h.users.ChangePassword(t.Context(), provided.ID, models.PasswordChange{
		CurrentPassword: models.NewSecret("x"), NewPassword: models.NewSecret("secret2"),
	})
	require.Equal(t, models.Invalid, models.KindOf(err))
	require.Contains(t, err.Error(), "corp")
}
