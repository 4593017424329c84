package services

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// timestamp is the present at the precision that is stored, so that an answer
// to a write equals what is read later.
func timestamp() time.Time { return storedTime(time.Now()) }

// storedTime is t at that precision.
func storedTime(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// storedSecret is what is kept of a secret that only its owner is to have. A
// fast hash will do: all of them are random, and nobody can try 128 bits.
func storedSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
