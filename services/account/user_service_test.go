package account

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

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
	require.Equal(t, models.Profile{User: want, Limits: models.AccountLimits{APITokens: maxAPITokens}}, got)
	tokens := NewAPITokens(repositories.NewAPITokens(h.db), h.store, h.sessions, maxAPITokens, h.now)
	tokens.must(t, s.User.ID, "ci", models.ScopeRead)
	got, err = h.users.Profile(t.Context(), s.User.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1, got.Usage.APITokens)
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
		return h.users.ChangePassword(t.Context(), models.Identity{UserID: s.User.ID}, models.PasswordChange{
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
	err = h.users.ChangePassword(t.Context(), models.Identity{UserID: provided.ID}, models.PasswordChange{
		CurrentPassword: models.NewSecret("x"), NewPassword: models.NewSecret("secret2"),
	})
	require.Equal(t, models.Invalid, models.KindOf(err))
	require.Contains(t, err.Error(), "corp")
}
