package models

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// NewID returns a new document id: 24 lowercase hex digits, of which the
// first 8 are the time in seconds and the rest random, so ids sort roughly by
// age like MongoDB's ObjectIDs.
func NewID() string {
	var b [12]byte
	binary.BigEndian.PutUint32(b[:4], uint32(time.Now().Unix())) //nolint:gosec // wraps in 2106, as ObjectIDs do
	_, _ = rand.Read(b[4:])                                      // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}

// ValidID reports whether s has the form of a document id.
func ValidID(s string) bool {
	if len(s) != 24 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
