package account

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/kubeorch/core/models"
)

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

// The forms in which keyboards and systems send the same password.
const (
	composed   = "caf\u00e9 \u1eb9\u0301" // é as one character, and a letter that has no single one
	decomposed = "cafe\u0301\u00a0e\u0301\u0323"
)

func TestPasswordsMatchInEveryUnicodeForm(t *testing.T) {
	t.Parallel()
	p := NewPasswords(bcrypt.MinCost)
	for _, chosen := range []string{composed, decomposed} {
		hash, err := p.Hash(t.Context(), models.NewSecret(chosen))
		require.NoError(t, err)
		for _, typed := range []string{composed, decomposed} {
			m, err := p.match(t.Context(), hash, models.NewSecret(typed), true)
			require.NoError(t, err)
			require.Equal(t, passwordMatch{ok: true}, m)
		}
		for _, typed := range []string{"cafe e", strings.ToUpper(composed), composed + " ", ""} {
			m, err := p.match(t.Context(), hash, models.NewSecret(typed), true)
			require.NoError(t, err)
			require.False(t, m.ok, typed)
		}
	}
	// Control characters and characters newer than the tables are kept.
	require.Equal(t, "a\tb\U0010ffff", prepared("a\tb\U0010ffff"))
}

func TestHashesOfUnpreparedPasswordsMatchAndAreOutdated(t *testing.T) {
	t.Parallel()
	p := NewPasswords(bcrypt.MinCost)
	old, err := bcrypt.GenerateFromPassword([]byte(decomposed), bcrypt.MinCost)
	require.NoError(t, err)
	m, err := p.match(t.Context(), string(old), models.NewSecret(decomposed), true)
	require.NoError(t, err)
	require.Equal(t, passwordMatch{ok: true, outdated: true}, m)
	m, err = p.match(t.Context(), string(old), models.NewSecret("wrong"+decomposed), true)
	require.NoError(t, err)
	require.False(t, m.ok)
}

func TestPasswordLengthCountsThePreparedForm(t *testing.T) {
	t.Parallel()
	problems := func(s string) (p models.Problems) {
		checkPassword(&p, "password", models.NewSecret(s))
		return p
	}
	require.Empty(t, problems(strings.Repeat("e\u0301", 36)), "72 bytes, composed")
	require.NotEmpty(t, problems(strings.Repeat("e\u0301", 37)))
	require.NotEmpty(t, problems(strings.Repeat("e\u0301", 5)), "5 characters")
}
