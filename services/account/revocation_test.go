package account

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

// wire joins the sessions of two servers. A message has arrived when Send returns.
type wire struct {
	mu    sync.Mutex
	alone bool
	cut   bool // messages are lost
	ends  []*wireEnd
	sent  []string
}

type wireEnd struct {
	*wire

	hear func(key string, data []byte)
}

// Alone implements peers.
func (w *wire) Alone() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.alone
}

func (w *wire) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// Send implements peers.
func (e *wireEnd) Send(topic, key string, data []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sent = append(e.sent, topic+" "+key+" "+string(data))
	for _, other := range e.ends {
		if other != e && !e.cut {
			other.hear(key, data)
		}
	}
}

// twoServers are a house that is the first server, and the second one.
func twoServers(t *testing.T) (h *house, there *Sessions, w *wire) {
	t.Helper()
	h, w = openAccounts(t), &wire{}
	a, b := &wireEnd{wire: w}, &wireEnd{wire: w}
	w.ends = []*wireEnd{a, b}
	there = h.newSessions(b)
	h.sessions.peers, a.hear, b.hear = a, h.sessions.Hear, there.Hear
	return h, there, w
}

// visitor is somebody whose stream is open at the second server.
type visitor struct {
	token string
	id    models.Identity
	guard *models.SessionGuard
}

func visit(t *testing.T, there *Sessions, token string) visitor {
	t.Helper()
	id, err := there.Authenticate(t.Context(), token)
	require.NoError(t, err)
	guard, err := there.Guard(t.Context(), id)
	require.NoError(t, err)
	t.Cleanup(guard.Release)
	return visitor{token, id, guard}
}

func TestWhatEndsEndsAtAllServersAtOnce(t *testing.T) {
	t.Parallel()
	const own, other, script = "own", "another session", "an API token"
	for name, tc := range map[string]struct {
		end  func(ctx context.Context, h *house, office *AdminUsers, tokens *APITokens, v map[string]visitor) error
		over []string
	}{
		"a session": {func(ctx context.Context, h *house, _ *AdminUsers, _ *APITokens, v map[string]visitor) error {
			return h.sessions.End(ctx, v[other].id.UserID, v[other].id.SessionID)
		}, []string{other}},
		"the others": {func(ctx context.Context, h *house, _ *AdminUsers, _ *APITokens, v map[string]visitor) error {
			return h.sessions.EndOthers(ctx, v[own].id)
		}, []string{other}},
		"all sessions": {func(ctx context.Context, h *house, _ *AdminUsers, _ *APITokens, v map[string]visitor) error {
			return h.sessions.EndAll(ctx, v[own].id)
		}, []string{own, other}},
		"a changed password": {func(ctx context.Context, h *house, _ *AdminUsers, _ *APITokens, v map[string]visitor) error {
			return h.changePassword(ctx, v[own].id, "secret1", "secret2")
		}, []string{other}},
		"an API token": {func(ctx context.Context, _ *house, _ *AdminUsers, tokens *APITokens, v map[string]visitor) error {
			return tokens.Revoke(ctx, v[script].id.UserID, v[script].id.TokenID)
		}, []string{script}},
		"a disabled account": {func(ctx context.Context, _ *house, office *AdminUsers, _ *APITokens, v map[string]visitor) error {
			_, err := office.Disable(ctx, v[own].id.UserID)
			return err
		}, []string{own, other, script}},
		"a deleted account": {func(ctx context.Context, _ *house, office *AdminUsers, _ *APITokens, v map[string]visitor) error {
			_, err := office.Delete(ctx, v[own].id.UserID, models.UserDeletion{})
			return err
		}, []string{own, other, script}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, there, _ := twoServers(t)
			admin, first := h.member(t, 0), h.member(t, 1)
			tokens := NewAPITokens(repositories.NewAPITokens(h.db), h.store, h.sessions, maxAPITokens, h.now)
			v := map[string]visitor{
				"the administrator": visit(t, there, admin.Token),
				own:                 visit(t, there, first.Token),
				other:               visit(t, there, h.signIn(t, 1).Token),
				script:              visit(t, there, tokens.must(t, first.User.ID, "ci", models.ScopeRead).Token),
			}
			require.NoError(t, tc.end(t.Context(), h, h.office(h.sessions), tokens, v))
			for who, one := range v {
				_, err := there.Authenticate(t.Context(), one.token)
				ended := slices.Contains(tc.over, who)
				require.Equal(t, ended, models.KindOf(err) == models.Unauthenticated, who)
				require.Equal(t, ended, over(t, one.guard), who)
			}
		})
	}
}

func TestRoleCountsAtAllServersAtOnce(t *testing.T) {
	t.Parallel()
	h, there, _ := twoServers(t)
	h.member(t, 0)
	s := h.member(t, 1)
	office := h.office(h.sessions)
	first := visit(t, there, s.Token)
	promote(t, office, s.User.ID)
	now, err := there.Authenticate(t.Context(), s.Token)
	require.NoError(t, err)
	require.Equal(t, []string{models.RoleUser, models.RoleAdmin}, []string{first.id.Role, now.Role})
	require.False(t, over(t, first.guard), "more rights end nothing")
	require.NoError(t, demote(t.Context(), office, s.User.ID))
	_, err = there.Authenticate(t.Context(), s.Token)
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
	require.True(t, over(t, first.guard))
}

// While a server is alone it caches. What it hears when another one has come
// counts for the cache, too.
func TestCachesOfAServerThatWasAlone(t *testing.T) {
	t.Parallel()
	h, there, w := twoServers(t)
	w.set(func() { w.alone = true })
	s := h.member(t, 0)
	id := visit(t, there, s.Token).id
	require.Len(t, there.known.seen, 1)
	w.set(func() { w.alone = false })
	require.NoError(t, h.sessions.EndAll(t.Context(), id))
	w.set(func() { w.alone = true })
	_, err := there.Authenticate(t.Context(), s.Token)
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
	require.Empty(t, there.known.seen)
}

func TestMessagesHoldIDs(t *testing.T) {
	t.Parallel()
	h, _, w := twoServers(t)
	s := h.member(t, 0)
	id := h.whose(t, s)
	require.NoError(t, h.sessions.End(t.Context(), id.UserID, id.SessionID))
	require.NoError(t, h.sessions.EndOthers(t.Context(), id))
	require.NoError(t, h.sessions.EndAccount(t.Context(), id.UserID))
	h.sessions.EndToken("t1")
	h.sessions.Forget(id.UserID)
	require.Equal(t, []string{
		`revoke  {"sessions":["` + id.SessionID + `"]}`,
		`revoke  {"user":"` + id.UserID + `","sessionsOnly":true,"keep":"` + id.SessionID + `"}`,
		`revoke  {"user":"` + id.UserID + `"}`,
		`revoke  {"token":"t1"}`,
		`revoke  {"user":"` + id.UserID + `","reload":true}`,
	}, w.sent)
}

// A message that was lost, and one that a newer server sent, end in a look at
// everything.
func TestLostMessages(t *testing.T) {
	t.Parallel()
	for name, hear := range map[string]func(*Sessions){
		"the relay says so":            (*Sessions).Recheck,
		"a message of a newer version": func(s *Sessions) { s.Hear("", []byte(`{"user":"u1","since":7}`)) },
		"an empty message":             func(s *Sessions) { s.Hear("", nil) },
		"nothing is named":             func(s *Sessions) { s.Hear("", []byte(`{}`)) },
		"twice at once":                func(s *Sessions) { s.Recheck(); s.Recheck() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, there, w := twoServers(t)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- there.Run(ctx) }()
			s := h.member(t, 0)
			v, stays := visit(t, there, s.Token), visit(t, there, h.signIn(t, 0).Token)
			w.set(func() { w.cut = true })
			require.NoError(t, h.sessions.End(t.Context(), v.id.UserID, v.id.SessionID))
			_, err := there.Authenticate(t.Context(), s.Token)
			require.Equal(t, models.Unauthenticated, models.KindOf(err), "requests depend on no message")
			require.False(t, over(t, v.guard))
			hear(there)
			require.Eventually(t, func() bool { return over(t, v.guard) }, 10*time.Second, time.Millisecond)
			require.False(t, over(t, stays.guard))
			cancel()
			require.NoError(t, <-done)
		})
	}
}
