package account

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

// scripted is a house with an account and a token of it.
func scripted(t *testing.T, scope models.Scope) (h *house, tokens *APITokens, userID string, made models.NewAPIToken) {
	t.Helper()
	h = openAccounts(t)
	s, err := h.auth.Register(t.Context(), registration(1)) // the first account: an administrator
	require.NoError(t, err)
	tokens = NewAPITokens(repositories.NewAPITokens(h.db), h.store, h.sessions, maxAPITokens, h.now)
	return h, tokens, s.User.ID, tokens.must(t, s.User.ID, "ci", scope)
}

func TestAPITokenActsForItsAccount(t *testing.T) {
	t.Parallel()
	h, _, userID, made := scripted(t, models.ScopeRead)
	id, err := h.sessions.Authenticate(t.Context(), made.Token)
	require.NoError(t, err)
	require.Equal(t, models.Identity{
		UserID: userID, Email: "user1@example.org", Role: models.RoleAdmin, Scope: models.ScopeRead, TokenID: made.APIToken.ID,
	}, id)
	_, err = h.sessions.AuthenticateExpired(t.Context(), made.Token)
	require.Equal(t, models.Unauthenticated, models.KindOf(err), "nothing to refresh")
	_, err = h.sessions.Authenticate(t.Context(), newAPIToken())
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
}

func TestRevokedAPITokenEndsAtOnce(t *testing.T) {
	t.Parallel()
	h, tokens, userID, made := scripted(t, models.ScopeDeploy)
	id, err := h.sessions.Authenticate(t.Context(), made.Token)
	require.NoError(t, err)
	hold, err := h.sessions.Guard(t.Context(), id)
	require.NoError(t, err)
	defer hold.Release()
	require.NoError(t, tokens.Revoke(t.Context(), userID, made.APIToken.ID))
	_, err = h.sessions.Authenticate(t.Context(), made.Token)
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
	select {
	case <-models.SessionEnded(models.WithSessionGuard(t.Context(), hold)):
	case <-time.After(5 * time.Second):
		require.Fail(t, "the stream goes on")
	}
	_, err = h.sessions.Guard(t.Context(), id)
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
}

// Another server on the same database revokes: requests end when the cache
// does, streams with the next look at them.
func TestAPITokenRevokedElsewhere(t *testing.T) {
	t.Parallel()
	h, _, userID, made := scripted(t, models.ScopeDeploy)
	kept := NewAPITokens(repositories.NewAPITokens(h.db), h.store, h.sessions, maxAPITokens, h.now).must(t, userID, "kept", models.ScopeRead)
	held := map[string]<-chan struct{}{}
	for _, token := range []string{made.Token, kept.Token} {
		id, err := h.sessions.Authenticate(t.Context(), token)
		require.NoError(t, err)
		hold, err := h.sessions.Guard(t.Context(), id)
		require.NoError(t, err)
		defer hold.Release()
		held[token] = models.SessionEnded(models.WithSessionGuard(t.Context(), hold))
	}
	there := NewAPITokens(repositories.NewAPITokens(h.db), h.store, h.newSessions(nil), maxAPITokens, h.now)
	require.NoError(t, there.Revoke(t.Context(), userID, made.APIToken.ID))
	h.pass(identityAge)
	_, err := h.sessions.Authenticate(t.Context(), made.Token)
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
	require.NoError(t, h.sessions.recheck(t.Context()))
	requireEnded(t, held[made.Token], true)
	requireEnded(t, held[kept.Token], false)
}

func TestAPITokenOutlivesThePassword(t *testing.T) {
	t.Parallel()
	h, _, userID, made := scripted(t, models.ScopeRead)
	require.NoError(t, h.users.ChangePassword(t.Context(), models.Identity{UserID: userID}, models.PasswordChange{
		CurrentPassword: models.NewSecret("secret1"), NewPassword: models.NewSecret("secret2"),
	}))
	_, err := h.sessions.Authenticate(t.Context(), made.Token)
	require.NoError(t, err)
}

func TestAPITokenWithoutItsAccount(t *testing.T) {
	t.Parallel()
	h, _, _, _ := scripted(t, models.ScopeRead)
	orphan := NewAPITokens(repositories.NewAPITokens(h.db), h.store, h.sessions, maxAPITokens, h.now).must(t, models.NewID(), "ci", models.ScopeAdmin)
	check := NewAPITokenCheck(repositories.NewAPITokens(h.db), slog.New(slog.DiscardHandler), h.now)
	_, _, err := check.Identify(t.Context(), orphan.Token)
	require.NoError(t, err)
	_, err = h.sessions.Authenticate(t.Context(), orphan.Token)
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
}

func requireEnded(t *testing.T, ended <-chan struct{}, want bool) {
	t.Helper()
	select {
	case <-ended:
		require.True(t, want, "it ended")
	default:
		require.False(t, want, "it goes on")
	}
}
