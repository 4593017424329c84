// Package utils holds small helpers for all layers.
package utils

import (
	"crypto/md5" //nolint:gosec // Gravatar's addresses are MD5 hashes
	"encoding/hex"
	"strings"
)

// Gravatar returns the URL of the picture for an e-mail address. Gravatar answers
// with a generated pattern when the address has no picture.
func Gravatar(email string) string {
	sum := md5.Sum([]byte(strings.ToLower(strings.TrimSpace(email)))) //nolint:gosec // as above
	return "https://www.gravatar.com/avatar/" + hex.EncodeToString(sum[:]) + "?s=200&d=identicon"
}
