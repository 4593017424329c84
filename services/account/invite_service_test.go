package account

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

// openInvited is a house with an administrator.
func openInvited(t *testing.T) (*house, models.Identity) {
	t.Helper()
	h := openAccounts(t)
	h.stopClock()
	s, err := h.auth.Register(from(t, "192.0.2.1"), registration(0))
	require.NoError(t, err)
	return h, models.Identity{UserID: s.User.ID, Role: models.RoleAdmin}
}

func (h *house) invite(t *testing.T, by models.Identity, in models.InviteInput) models.CreatedInvite {
	t.Helper()
	made, err := h.invites.Create(t.Context(), by, in)
	require.NoError(t, err)
	return made
}

// invited is a registration with a code.
func invited(i int, code string) models.Registration {
	r := registration(i)
	r.InviteCode = code
	return r
}

func TestPersonalInvite(t *testing.T) {
	t.Parallel()
	h, admin := openInvited(t)
	ctx, notes := models.WithAuditNotes(t.Context())
	made, err := h.invites.Create(ctx, admin, models.InviteInput{Email: " User1@Example.org ", Role: models.RoleAdmin, Note: "for the shop"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"invite_id": made.Invite.ID, "role": models.RoleAdmin, "email": "user1@example.org"}, notes.Details())
	require.GreaterOrEqual(t, len(made.Code), 26)
	require.Equal(t, "https://app.example/signup?invite="+made.Code, made.Link)
	require.Equal(t, models.InvitePending, made.Invite.State)
	require.Equal(t, "user1@example.org", made.Invite.Email)
	require.WithinDuration(t, time.Now().Add(168*time.Hour), made.Invite.ExpiresAt, time.Minute)

	_, err = h.auth.Register(t.Context(), invited(2, made.Code))
	require.Equal(t, models.Forbidden, models.KindOf(err))
	require.Contains(t, models.MessageOf(err), "another e-mail")
	s, err := h.auth.Register(t.Context(), invited(1, made.Code))
	require.NoError(t, err)
	require.Equal(t, models.RoleAdmin, s.User.Role)
	_, err = h.auth.Register(t.Context(), invited(3, made.Code))
	require.Equal(t, models.Forbidden, models.KindOf(err))
	require.Contains(t, models.MessageOf(err), "used")

	page, err := h.invites.List(t.Context(), 1, 10)
	require.NoError(t, err)
	require.EqualValues(t, 1, page.Total)
	require.Equal(t, models.InviteUsed, page.Invites[0].State)
	require.Equal(t, s.User.ID, page.Invites[0].UsedBy)
	_, err = h.invites.Revoke(t.Context(), made.Invite.ID)
	require.Equal(t, models.Conflict, models.KindOf(err))
}

func TestPersonalInviteCountsOnce(t *testing.T) {
	t.Parallel()
	h, admin := openInvited(t)
	made := h.invite(t, admin, models.InviteInput{})
	sessions, kinds := h.together(t, 20, func(i int) models.Registration { return invited(i+1, made.Code) })
	require.Len(t, sessions, 1)
	require.Equal(t, models.RoleUser, sessions[0].User.Role)
	require.Equal(t, map[models.Kind]int{models.Forbidden: 19}, kinds)
}

func TestPersonalInviteIsGivenBack(t *testing.T) {
	t.Parallel()
	h, admin := openInvited(t)
	made := h.invite(t, admin, models.InviteInput{})
	_, err := h.auth.insertInvited(t.Context(), newUser(registration(0), ""), invited(0, made.Code))
	require.Equal(t, models.Conflict, models.KindOf(err), "the address is taken")
	_, err = h.auth.Register(t.Context(), invited(1, made.Code))
	require.NoError(t, err)
}

func TestInvitesThatDoNotCount(t *testing.T) {
	t.Parallel()
	h, admin := openInvited(t)
	revoked := h.invite(t, admin, models.InviteInput{})
	h.pass(time.Second)
	for range 2 {
		i, err := h.invites.Revoke(t.Context(), revoked.Invite.ID)
		require.NoError(t, err)
		require.Equal(t, models.InviteRevoked, i.State)
	}
	hour := 1
	expired := h.invite(t, admin, models.InviteInput{ExpiresInHours: &hour})
	h.pass(time.Hour)
	orphan := h.invite(t, models.Identity{UserID: models.NewID()}, models.InviteInput{Role: models.RoleAdmin})
	for i, tc := range []struct{ code, want string }{
		{revoked.Code, "revoked"},
		{expired.Code, "expired"},
		{orphan.Code, "no longer"},
		{strings.ToLower(orphan.Code), "not the present one"},
		{strings.Repeat("A", 100_000), "not the present one"},
	} {
		_, err := h.auth.Register(from(t, fmt.Sprintf("192.0.2.%d", i)), invited(1, tc.code))
		require.Equal(t, models.Forbidden, models.KindOf(err))
		require.Contains(t, models.MessageOf(err), tc.want)
	}
	_, err := h.invites.Revoke(t.Context(), models.NewID())
	require.Equal(t, models.NotFound, models.KindOf(err))
	page, err := h.invites.List(t.Context(), 2, 2)
	require.NoError(t, err)
	require.EqualValues(t, 3, page.Total)
	require.Len(t, page.Invites, 1)
	require.Equal(t, revoked.Invite.ID, page.Invites[0].ID, "the oldest is last")
}

func TestMakeInviteRefuses(t *testing.T) {
	t.Parallel()
	h := openHouse(t, AuthRules{Enabled: true, SignupEnabled: true, AllowedDomains: []string{"example.org"}}, models.InviteSettings{})
	_, err := h.auth.Register(t.Context(), registration(0))
	require.NoError(t, err)
	hours := func(n int) *int { return &n }
	for name, tc := range map[string]struct {
		in   models.InviteInput
		kind models.Kind
		want string
	}{
		"no address":       {models.InviteInput{Email: "ann"}, models.Invalid, "field email"},
		"a foreign domain": {models.InviteInput{Email: "a@example.com"}, models.Invalid, "domain"},
		"a taken address":  {models.InviteInput{Email: "USER0@example.org"}, models.Conflict, "exists already"},
		"an unknown role":  {models.InviteInput{Role: "owner"}, models.Invalid, "field role"},
		"no time":          {models.InviteInput{ExpiresInHours: hours(0)}, models.Invalid, "between 1 and 8760"},
		"more than a year": {models.InviteInput{ExpiresInHours: hours(8761)}, models.Invalid, "between 1 and 8760"},
		"a long note":      {models.InviteInput{Note: strings.Repeat("ä", 501)}, models.Invalid, "field note"},
		"a note of lines":  {models.InviteInput{Note: "a\nb"}, models.Invalid, "control"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := h.invites.Create(t.Context(), models.Identity{}, tc.in)
			require.Equal(t, tc.kind, models.KindOf(err))
			require.Contains(t, models.MessageOf(err), tc.want)
		})
	}
	closed := openHouse(t, AuthRules{Enabled: true}, models.InviteSettings{})
	_, err = closed.invites.Create(t.Context(), models.Identity{}, models.InviteInput{})
	require.Equal(t, models.Conflict, models.KindOf(err), "nobody could use it")
}

// guess registers with a wrong shared code and returns how that went.
func (h *house) guess(t *testing.T, address string, i int) error {
	t.Helper()
	_, err := h.auth.Register(from(t, address), invited(1, fmt.Sprintf("9%05d", i)))
	return err
}

func TestGuessingTheSharedCode(t *testing.T) {
	t.Parallel()
	h, admin := openInvited(t)
	for i := range 20 { // a new address each: only the sum counts
		require.Equal(t, models.Forbidden, models.KindOf(h.guess(t, fmt.Sprintf("198.51.100.%d", i), i)))
	}
	is, err := h.settings.Invites(t.Context())
	require.NoError(t, err)
	require.Equal(t, 20, is.FailedAttempts)
	require.WithinDuration(t, h.now(), *is.LastFailedAt, time.Minute)

	refused := func(i int, code string) {
		t.Helper()
		_, err := h.auth.Register(from(t, "203.0.113.7"), invited(i, code))
		require.Equal(t, models.TooMany, models.KindOf(err))
		require.InDelta(t, guessCost.Seconds(), err.(*models.Error).RetryAfter.Seconds(), 20) //nolint:errorlint // made here
	}
	refused(1, "999999")
	refused(1, "012345") // it is not looked at
	_, err = h.auth.Register(from(t, "203.0.113.7"), invited(1, h.invite(t, admin, models.InviteInput{}).Code))
	require.NoError(t, err, "a personal invite counts")

	// Another process on the same database knows of it.
	again := NewSettings(repositories.NewSettings(h.db), models.InviteSettings{}, h.now)
	require.Equal(t, models.TooMany, models.KindOf(again.check(t.Context(), "012345")))

	h.pass(guessCost)
	require.Equal(t, models.Forbidden, models.KindOf(h.guess(t, "203.0.113.8", 1)))
	refused(2, "012345")
	h.pass(guessCost)
	_, err = h.auth.Register(from(t, "203.0.113.9"), invited(2, "012345"))
	require.NoError(t, err)
	is, err = h.settings.NewInviteCode(t.Context())
	require.NoError(t, err)
	require.Zero(t, is.FailedAttempts)
	require.Nil(t, is.LastFailedAt)
}

func TestOneAddressGuessesSlowly(t *testing.T) {
	t.Parallel()
	h, _ := openInvited(t)
	tried := 0
	for day := h.now().Add(24 * time.Hour); h.now().Before(day); tried++ {
		err := h.guess(t, "198.51.100.1", tried)
		if wait := err.(*models.Error).RetryAfter; wait > 0 { //nolint:errorlint // made here
			h.pass(wait)
			tried--
		}
	}
	t.Logf("%d guesses in a day", tried)
	require.Less(t, tried, 120)
}

func TestGuessesTogetherAreGuessesInARow(t *testing.T) {
	t.Parallel()
	h, _ := openInvited(t)
	_, kinds := h.together(t, 100, func(i int) models.Registration { return invited(i+1, fmt.Sprintf("9%05d", i)) })
	require.Equal(t, map[models.Kind]int{models.Forbidden: 20, models.TooMany: 80}, kinds)
	is, err := h.settings.Invites(t.Context())
	require.NoError(t, err)
	require.Equal(t, 20, is.FailedAttempts)
}
