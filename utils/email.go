package utils

import (
	"net/mail"
	"strings"
	"unicode"
)

// MaxEmail is the length of the longest e-mail address in bytes (RFC 5321).
const MaxEmail = 254

// NormalEmail returns an e-mail address as it is stored and compared.
func NormalEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// ValidEmail reports whether s is an e-mail address and nothing besides.
func ValidEmail(s string) bool {
	if len(s) > MaxEmail || strings.ContainsAny(s, "\"<>() \t\r\n") || strings.ContainsFunc(s, Invisible) {
		return false
	}
	at, err := mail.ParseAddress(s)
	return err == nil && at.Address == s
}

// Invisible reports whether r shows nothing, or changes the direction of the
// letters around it: with it in a name or an address somebody could pass for
// somebody else.
func Invisible(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }
