package account

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
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
