package account

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/mongo"
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
	sessions *Sessions
	settings *Settings
	invites  *Invites
	store    *repositories.Users
	db       *mongo.Database

	mu    sync.Mutex
	shift time.Duration
	still time.Time // where the clock stands; zero: it goes
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.still.IsZero() {
		return h.still.Add(h.shift)
	}
	return time.Now().Add(h.shift)
}

// stopClock makes time pass only by pass.
func (h *house) stopClock() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.still = time.Now()
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shift += d
}

func openHouse(t testing.TB, rules AuthRules, invites models.InviteSettings) *house {
	t.Helper()
	db := dbtest.Open(t).Database()
	h := &house{store: repositories.NewUsers(db), db: db}
	passwords := NewPasswords(bcrypt.MinCost)
	failures := h.failures()
	attempts := NewAttempts(failures)
	h.settings = NewSettings(repositories.NewSettings(db), invites, h.now)
	h.sessions = h.newSessions(nil)
	h.invites = NewInvites(InviteDeps{
		Store: repositories.NewInvites(db), People: h.store, Codes: h.settings, Rules: rules,
		Failures: failures, FrontendURL: "https://app.example", Now: h.now,
	})
	h.auth = NewAuth(AuthDeps{
		Rules: rules, Users: h.store, Invites: h.invites, Passwords: passwords, Sessions: h.sessions,
		Attempts: attempts, Logins: h.store,
	})
	h.users = NewUsers(h.store, passwords, attempts, h.sessions, Allowance{
		Limits: models.AccountLimits{APITokens: maxAPITokens}, Workflows: repositories.NewWorkflows(h.db), APITokens: repositories.NewAPITokens(h.db),
	})
	return h
}

// failures is what a server on the database counts with.
func (h *house) failures() Failures {
	return FailuresIn(repositories.NewAttempts(h.db), testSecret, h.now)
}

// newSessions is what another server on the same database has. It knows of its
// peers only.
func (h *house) newSessions(peers peers) *Sessions {
	tokens := NewTokens(testSecret, 48*time.Hour, 7*24*time.Hour, h.now)
	log := slog.New(slog.DiscardHandler)
	return NewSessions(SessionDeps{
		Store: repositories.NewSessions(h.db), Users: h.store, Codes: repositories.NewCodes(h.db), Tokens: tokens,
		APITokens: NewAPITokenCheck(repositories.NewAPITokens(h.db), log, tokens.now), Peers: peers, Log: log,
	})
}

func openAccounts(t testing.TB) *house {
	return openHouse(t, AuthRules{Enabled: true, SignupEnabled: true}, models.InviteSettings{InviteCode: "012345"})
}

func registration(i int) models.Registration {
	return models.Registration{
		Name: fmt.Sprintf("User %d", i), Email: fmt.Sprintf("user%d@example.org", i),
		Password: models.NewSecret("secret1"), InviteCode: "012345",
	}
}

// from is the context of a request from address.
func from(t *testing.T, address string) context.Context {
	return models.WithClient(t.Context(), models.Client{Address: address})
}

// together registers n people at the same moment, each from an address of
// their own, and returns how it went.
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
			s, err := h.auth.Register(from(t, fmt.Sprintf("192.0.2.%d", i)), reg(i))
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
	id, err := h.sessions.Authenticate(t.Context(), s.Token)
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

func TestLoginGivesAPasswordThePresentCost(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	first, err := h.auth.Register(t.Context(), registration(0))
	require.NoError(t, err)
	hash := func() string {
		u, err := h.store.ByID(t.Context(), first.User.ID)
		require.NoError(t, err)
		return u.PasswordHash
	}
	old := hash()
	login := models.Login{Email: "user0@example.org", Password: models.NewSecret("secret1")}
	_, err = h.auth.Login(t.Context(), login)
	require.NoError(t, err)
	require.Equal(t, old, hash(), "the cost has not changed")

	h.auth.passwords = NewPasswords(bcrypt.MinCost + 1)
	for range 2 {
		_, err = h.auth.Login(t.Context(), login)
		require.NoError(t, err)
		cost, err := bcrypt.Cost([]byte(hash()))
		require.NoError(t, err)
		require.Equal(t, bcrypt.MinCost+1, cost)
	}
	_, err = h.sessions.Authenticate(t.Context(), first.Token)
	require.NoError(t, err, "it is the same password, so no session ends")
	require.NoError(t, h.store.Rehash(t.Context(), first.User.ID, old, "late"))
	require.NotEqual(t, "late", hash())
}

func TestLoginTakesOverHashesOfUnpreparedPasswords(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	first, err := h.auth.Register(t.Context(), registration(0))
	require.NoError(t, err)
	u, err := h.store.ByID(t.Context(), first.User.ID)
	require.NoError(t, err)
	old, err := bcrypt.GenerateFromPassword([]byte(decomposed), bcrypt.MinCost)
	require.NoError(t, err)
	require.NoError(t, h.store.Rehash(t.Context(), u.ID, u.PasswordHash, string(old)))

	login := func(password string) error {
		_, err := h.auth.Login(t.Context(), models.Login{Email: u.Email, Password: models.NewSecret(password)})
		return err
	}
	require.Error(t, login(composed), "the stored hash is of the other form")
	require.NoError(t, login(decomposed))
	require.NoError(t, login(composed), "the login has stored the hash of the prepared form")
	require.NoError(t, login(decomposed))
}
