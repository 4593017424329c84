package account

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// tryLogin tries a password and returns the kind of the error and the time to
// wait.
func (h *house) tryLogin(ctx context.Context, email, password string) (models.Kind, time.Duration) {
	_, err := h.auth.Login(ctx, models.Login{Email: email, Password: models.NewSecret(password)})
	var e *models.Error
	if errors.As(err, &e) {
		return e.Kind, e.RetryAfter
	}
	return models.KindOf(err), 0
}

const signedIn = models.Internal // of no error

func TestLoginWaitsAfterFailures(t *testing.T) {
	t.Parallel()
	for name, email := range map[string]string{"of an account": "user0@example.org", "of nobody": "nobody@example.org"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := openAccounts(t)
			h.stopClock()
			_, err := h.auth.Register(from(t, "192.0.2.1"), registration(0))
			require.NoError(t, err)
			attacker := from(t, "198.51.100.1")
			for range 5 {
				kind, _ := h.tryLogin(attacker, email, "wrong")
				require.Equal(t, models.Unauthenticated, kind)
			}
			for _, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
				kind, after := h.tryLogin(attacker, " "+email, "secret1")
				require.Equal(t, models.TooMany, kind, "also with the right password")
				require.InDelta(t, float64(wait), after.Seconds(), 1)
				h.pass(after)
				kind, _ = h.tryLogin(attacker, email, "wrong")
				require.Equal(t, models.Unauthenticated, kind)
			}
		})
	}
}

// An attacker, from however many addresses, does not keep people out who come
// from where they came before.
func TestNobodyIsLockedOut(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	h.stopClock()
	_, err := h.auth.Register(from(t, "2001:db8:1:2::1"), registration(0))
	require.NoError(t, err)
	const email = "user0@example.org"
	for i := range 20 {
		h.tryLogin(from(t, fmt.Sprintf("198.51.100.%d", i)), email, "wrong")
	}
	kind, wait := h.tryLogin(from(t, "203.0.113.1"), email, "secret1")
	require.Equal(t, models.TooMany, kind, "from where nobody knows him")
	require.LessOrEqual(t, wait, 30*time.Second)
	home := from(t, "2001:db8:1:2:ffff::7") // another address of the same network
	kind, _ = h.tryLogin(home, email, "secret1")
	require.Equal(t, signedIn, kind)

	for range 5 { // at home only mistakes made at home count
		kind, _ = h.tryLogin(home, email, "wrong")
		require.Equal(t, models.Unauthenticated, kind)
	}
	kind, wait = h.tryLogin(home, email, "secret1")
	require.Equal(t, models.TooMany, kind)
	h.pass(wait)
	kind, _ = h.tryLogin(home, email, "secret1")
	require.Equal(t, signedIn, kind)
	kind, _ = h.tryLogin(home, email, "wrong")
	require.Equal(t, models.Unauthenticated, kind, "logging in clears them")

	for i := range 20 {
		h.tryLogin(from(t, fmt.Sprintf("198.51.100.%d", i+100)), email, "wrong")
	}
	kind, wait = h.tryLogin(from(t, "203.0.113.1"), email, "secret1")
	require.Equal(t, models.TooMany, kind, "but not what others did")
	h.pass(wait)
	kind, _ = h.tryLogin(from(t, "203.0.113.1"), email, "secret1")
	require.Equal(t, signedIn, kind, "within half a minute also from elsewhere")
	h.tryLogin(from(t, "198.51.100.1"), email, "wrong")
	kind, _ = h.tryLogin(from(t, "203.0.113.1"), email, "secret1")
	require.Equal(t, signedIn, kind, "and that is known from then on")
}

// Who logs in to his own account between guesses at others' gains nothing.
func TestOwnAccountClearsNothing(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	h.stopClock()
	attacker := from(t, "198.51.100.1")
	_, err := h.auth.Register(attacker, registration(0))
	require.NoError(t, err)
	for i := range 5 {
		kind, _ := h.tryLogin(attacker, fmt.Sprintf("victim%d@example.org", i), "wrong")
		require.Equal(t, models.Unauthenticated, kind)
		kind, _ = h.tryLogin(attacker, "user0@example.org", "secret1")
		require.Equal(t, signedIn, kind)
	}
	kind, _ := h.tryLogin(attacker, "victim9@example.org", "wrong")
	require.Equal(t, models.TooMany, kind)
	kind, _ = h.tryLogin(attacker, "user0@example.org", "secret1")
	require.Equal(t, signedIn, kind, "people of the same office are not kept out")
}

// An attempt that was not decided, for lack of a turn, is none.
func TestUndecidedAttemptsDoNotCount(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	h.stopClock()
	_, err := h.auth.Register(from(t, "192.0.2.1"), registration(0))
	require.NoError(t, err)
	gone, cancel := context.WithCancel(from(t, "192.0.2.9"))
	cancel()
	free := h.auth.passwords.queue.free
	h.auth.passwords.queue.free = 0
	for range 10 {
		_, err := h.auth.tryPassword(gone, "user0@example.org", models.User{}, models.NewSecret("wrong"))
		require.Equal(t, models.Unavailable, models.KindOf(err))
	}
	h.auth.passwords.queue.free = free
	kind, _ := h.tryLogin(from(t, "192.0.2.9"), "user0@example.org", "secret1")
	require.Equal(t, signedIn, kind)
}

func TestNetworksOfAnAccountAreBounded(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	h.stopClock()
	s, err := h.auth.Register(from(t, "192.0.2.1"), registration(0))
	require.NoError(t, err)
	for i := range 20 {
		for range 2 {
			kind, _ := h.tryLogin(from(t, fmt.Sprintf("203.0.113.%d", i)), "user0@example.org", "secret1")
			require.Equal(t, signedIn, kind)
		}
	}
	u, err := h.store.ByID(t.Context(), s.User.ID)
	require.NoError(t, err)
	require.Len(t, u.Networks, 16)
	require.NotContains(t, u.Networks, networkOf(from(t, "192.0.2.1"), u.ID))
	require.Equal(t, networkOf(from(t, "203.0.113.19"), u.ID), u.Networks[15])
}

// server is another server on the same database.
func (h *house) server() *Auth {
	return NewAuth(AuthDeps{
		Rules: h.auth.rules, Users: h.store, Invites: NewInvites(h.invites.deps), Passwords: h.auth.passwords, Sessions: h.newSessions(nil),
		Attempts: NewAttempts(h.failures()), Logins: h.store,
	})
}

func TestServersCountTogether(t *testing.T) {
	t.Parallel()
	h, _ := openInvited(t)
	servers := []*Auth{h.server(), h.server()}
	attacker := from(t, "198.51.100.1")
	for i := range 6 {
		_, err := servers[i%2].Login(attacker, models.Login{Email: "user0@example.org", Password: models.NewSecret("wrong")})
		want := models.Unauthenticated
		if i == 5 {
			want = models.TooMany
		}
		require.Equal(t, want, models.KindOf(err))
	}
	for i := range 6 {
		_, err := servers[i%2].Register(attacker, invited(1, fmt.Sprintf("99999%d", i)))
		want := models.Forbidden
		if i == 5 {
			want = models.TooMany
		}
		require.Equal(t, want, models.KindOf(err))
	}
	_, err := servers[0].Register(attacker, invited(1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
	require.Equal(t, models.Forbidden, models.KindOf(err), "codes that do not exist are not counted")
}

func TestServersLimitGuessesTogether(t *testing.T) {
	t.Parallel()
	h, _ := openInvited(t)
	servers := []*Auth{h.server(), h.server(), h.server()}
	var forbidden, refused atomic.Int64
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			_, err := servers[i%3].Register(from(t, fmt.Sprintf("192.0.2.%d", i)), invited(1, fmt.Sprintf("9%05d", i)))
			switch models.KindOf(err) {
			case models.Forbidden:
				forbidden.Add(1)
			case models.TooMany:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, []int64{20, 40}, []int64{forbidden.Load(), refused.Load()})
}

func TestGuessingThePasswordInOrderToChangeIt(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	h.stopClock()
	thief := h.whose(t, h.member(t, 0))
	for range 5 {
		require.Equal(t, models.Invalid, models.KindOf(h.changePassword(t.Context(), thief, "wrong", "secret2")))
	}
	require.Equal(t, models.TooMany, models.KindOf(h.changePassword(t.Context(), thief, "secret1", "secret2")), "also with the right one")
	h.pass(time.Second)
	require.NoError(t, h.changePassword(t.Context(), thief, "secret1", "secret2"))
	require.NoError(t, h.changePassword(t.Context(), thief, "secret2", "secret3"))
}

func TestFullQueueStoresNothing(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	h.auth.passwords.queue.free = 0
	h.auth.passwords.queue.unknown = make([]chan struct{}, maxUnknownWaiting)
	for i := range 10 {
		kind, _ := h.tryLogin(from(t, fmt.Sprintf("198.51.100.%d", i)), "nobody@example.org", "wrong")
		require.Equal(t, models.Unavailable, kind)
	}
	n, err := h.db.Collection(database.Attempts).CountDocuments(t.Context(), map[string]any{})
	require.NoError(t, err)
	require.Zero(t, n)
}
