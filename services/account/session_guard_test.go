package account

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

// over reports whether a hold's credential is known to be good no more.
func over(t testing.TB, h *models.SessionGuard) bool {
	t.Helper()
	select {
	case <-models.SessionEnded(models.WithSessionGuard(t.Context(), h)):
		return true
	default:
		return false
	}
}

// apiToken stores an API token and returns who comes with it.
func (h *house) apiToken(t *testing.T, userID, id string) models.Identity {
	t.Helper()
	require.NoError(t, repositories.NewAPITokens(h.db).Insert(t.Context(), models.APIToken{
		ID: id, UserID: userID, Name: id, Hash: id, Scope: models.ScopeRead, CreatedAt: h.now(), ExpiresAt: h.now().Add(365 * 24 * time.Hour),
	}, 10))
	return models.Identity{UserID: userID, TokenID: id, Scope: models.ScopeRead}
}

func TestHoldsEndWithTheirSession(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	first := h.whose(t, h.member(t, 0))
	second := h.whose(t, h.signIn(t, 0))
	hold := func(id models.Identity) *models.SessionGuard {
		held, err := h.sessions.Guard(t.Context(), id)
		require.NoError(t, err)
		return held
	}
	a, b, c := hold(first), hold(first), hold(second)
	require.NoError(t, h.sessions.End(t.Context(), first.UserID, first.SessionID))
	require.True(t, over(t, a) && over(t, b))
	require.False(t, over(t, c))
	_, err := h.sessions.Guard(t.Context(), first)
	require.Equal(t, models.Unauthenticated, models.KindOf(err))
	byToken := h.apiToken(t, first.UserID, "t1")
	d := hold(byToken)
	h.sessions.EndToken("t1")
	require.True(t, over(t, d))
	e := hold(byToken)
	require.NoError(t, h.sessions.EndAll(t.Context(), first))
	require.True(t, over(t, c))
	require.False(t, over(t, e), "an API token is no session")
	require.NoError(t, h.sessions.EndAccount(t.Context(), first.UserID))
	require.True(t, over(t, e))
	for _, held := range []*models.SessionGuard{a, b, c, d, e} {
		held.Retain()
		held.Release()
		held.Release()
	}
	require.Empty(t, h.sessions.live.open)
}

func TestManyHoldsLeaveNothing(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	id := h.whose(t, h.member(t, 0))
	var held []*models.SessionGuard
	for range 1000 {
		one, err := h.sessions.Guard(t.Context(), id)
		require.NoError(t, err)
		held = append(held, one)
	}
	require.Len(t, h.sessions.live.identities(), 1, "they share what the session needs")
	for _, one := range held {
		one.Release()
	}
	require.Empty(t, h.sessions.live.open)
}

// What another server ended, and what expired, is found by looking.
func TestRecheck(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	elsewhere, here, later := h.whose(t, h.member(t, 0)), h.whose(t, h.signIn(t, 0)), h.whose(t, h.member(t, 1))
	other := h.newSessions(nil)
	var held []*models.SessionGuard
	for _, id := range []models.Identity{elsewhere, here, later, h.apiToken(t, later.UserID, "t1")} {
		one, err := other.Guard(t.Context(), id)
		require.NoError(t, err)
		held = append(held, one)
	}
	require.NoError(t, h.sessions.End(t.Context(), elsewhere.UserID, elsewhere.SessionID))
	require.NoError(t, other.recheck(t.Context()))
	require.Equal(t, []bool{true, false, false, false}, []bool{over(t, held[0]), over(t, held[1]), over(t, held[2]), over(t, held[3])})
	h.pass(8 * 24 * time.Hour)
	require.NoError(t, other.recheck(t.Context()))
	require.Equal(t, []bool{true, true, false}, []bool{over(t, held[1]), over(t, held[2]), over(t, held[3])})
	for _, one := range held {
		one.Release()
	}
	require.Empty(t, other.live.open)
}

func TestRecheckRunsUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Sessions{}
		done := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- s.Run(ctx) }()
		time.Sleep(3 * recheckEvery)
		cancel()
		require.NoError(t, <-done)
	})
}

func TestTickets(t *testing.T) {
	t.Parallel()
	h := openAccounts(t)
	id := h.whose(t, h.member(t, 0))
	ticket := func() string {
		made, err := h.sessions.Ticket(t.Context(), id)
		require.NoError(t, err)
		return made.Ticket
	}
	refused := func(ticket, why string) {
		t.Helper()
		_, err := h.sessions.AuthenticateTicket(t.Context(), ticket)
		require.Equal(t, models.Unauthenticated, models.KindOf(err), why)
	}
	good := ticket()
	got, err := h.sessions.AuthenticateTicket(t.Context(), good)
	require.NoError(t, err)
	require.Equal(t, id, got)
	refused(good, "twice")
	refused("", "none")
	old := ticket()
	h.pass(ticketTTL + time.Second)
	refused(old, "expired")
	orphan := ticket()
	require.NoError(t, h.sessions.EndAll(t.Context(), id))
	refused(orphan, "of an ended session")
}
