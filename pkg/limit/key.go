package limit

import (
	"crypto/sha256"
	"fmt"
)

// Key stands for text of any length that clients choose, such as an e-mail
// address: it is a hash, so that the memory a key takes is bounded.
type Key [16]byte

// KeyOf returns the key of some texts. Their order counts, and so do the places
// where one ends and the next begins.
func KeyOf(parts ...string) (k Key) {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	copy(k[:], h.Sum(nil))
	return k
}
