package status

import (
	"regexp"
	"strings"
	"unicode"
)

// maxMessage is how many characters of a message a browser is sent.
const maxMessage = 500

// Messages come from the cluster and may hold what somebody put into an image
// reference, an environment variable or a path on a machine.
//
//nolint:gochecknoglobals // compiled once, never written
var (
	credentialsInURL = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s"'@]+@`)
	databaseURL      = regexp.MustCompile(`\b(?:mongodb(?:\+srv)?|postgres(?:ql)?|mysql|redis|rediss|amqps?)://[^\s"']+`)
	bearer           = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}`)
	webToken         = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?`)
	assignment       = regexp.MustCompile(`(?i)\b([a-z0-9_-]*(?:password|passwd|secret_?key|api_?key|token))(\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;"']+)`)
	machinePath      = regexp.MustCompile(`(^|[\s"'=:(])/(?:var|run|root|home|etc/kubernetes|opt|tmp|proc|sys)/[^\s"',;:)]*`)
)

// Clean returns text as one line without credentials, tokens, connection
// strings and paths of the cluster's machines, at most 500 characters long.
func Clean(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar
	}), " ")
	text = databaseURL.ReplaceAllString(text, "[connection string]")
	text = credentialsInURL.ReplaceAllString(text, "$1[hidden]@")
	text = bearer.ReplaceAllString(text, "$1 [hidden]")
	text = webToken.ReplaceAllString(text, "[hidden]")
	text = assignment.ReplaceAllString(text, "$1$2[hidden]")
	text = machinePath.ReplaceAllString(text, "$1[path]")
	if runes := []rune(text); len(runes) > maxMessage {
		text = strings.TrimSpace(string(runes[:maxMessage-1])) + "…"
	}
	return text
}
