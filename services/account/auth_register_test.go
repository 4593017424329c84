package account

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

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

// lossyAccounts stores accounts and loses the answer.
type lossyAccounts struct{ accountStore }

func (l lossyAccounts) Insert(ctx context.Context, u models.User) error {
	return errors.Join(&models.Error{Kind: models.Unavailable}, l.accountStore.Insert(ctx, u))
}

func (l lossyAccounts) InsertFirst(ctx context.Context, u models.User) (bool, error) {
	_, err := l.accountStore.InsertFirst(ctx, u)
	return false, errors.Join(&models.Error{Kind: models.Unavailable}, err)
}

// An account that the database stores without saying so uses its invite up.
func TestAccountWhoseStoringWasNotAcknowledged(t *testing.T) {
	t.Parallel()
	h := openHouse(t, AuthRules{Enabled: true, SignupEnabled: true}, models.InviteSettings{InviteCode: "012345", RegenerateAfterSignup: true})
	h.auth.users = lossyAccounts{h.store}
	for i := range 2 {
		_, err := h.auth.Register(t.Context(), registration(i))
		require.NoError(t, err)
	}
	_, err := h.auth.Register(t.Context(), registration(2))
	require.Equal(t, models.Forbidden, models.KindOf(err))
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
		"a name turned around":  {func(r *models.Registration) { r.Name = "a\u202eb" }, models.Invalid, "invisible"},
		"a name of nothing":     {func(r *models.Registration) { r.Name = "\u200b" }, models.Invalid, "invisible"},
		"a name of joiners":     {func(r *models.Registration) { r.Name = "\u200d\u200c" }, models.Invalid, "field name: is required"},
		"an unseen letter":      {func(r *models.Registration) { r.Email = "a\u200b@example.org" }, models.Invalid, "field email"},
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
