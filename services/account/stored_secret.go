package account

import (
	"crypto/sha256"
	"encoding/hex"
)

// storedSecret is what is kept of a secret that only its owner is to have. A
// fast hash will do: all of them are random, and nobody can try 128 bits.
func storedSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
