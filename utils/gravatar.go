// Package utils holds small helpers that belong to no layer.
package utils

import (
	"crypto/md5" //nolint:gosec // the service's addresses are made of MD5
	"encoding/hex"
	"strings"
)

// Gravatar returns the address of the picture that belongs to an e-mail
// address, or of a pattern made from it.
func Gravatar(email string) string {
	sum := md5.Sum([]byte(strings.ToLower(strings.TrimSpace(email)))) //nolint:gosec // as above
	return "https://www.gravatar.com/avatar/" + hex.EncodeToString(sum[:]) + "?s=200&d=identicon"
}
