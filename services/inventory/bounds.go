package inventory

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is kept of one object, in bytes of its JSON. Usual objects stay far
// below them; together they keep a hostile one below 8 KB.
const (
	labelBytes      = 2 << 10
	annotationBytes = 1 << 10
	ownerBytes      = 768
	specBytes       = 3 << 10
	messageBytes    = 768

	maxItems      = 32  // of a list
	maxText       = 256 // bytes of a text such as an image or an annotation
	maxLabelKey   = 317 // a prefix of 253 and a name of 63, with a slash
	maxLabelValue = 63
)

// budget is how many bytes may still be kept.
type budget int

// spend takes n bytes, or reports that there are fewer left.
func (b *budget) spend(n int) bool {
	if n > int(*b) {
		return false
	}
	*b -= budget(n)
	return true
}

// cost returns how many bytes of JSON a value takes with its key or comma.
func cost(v any) int {
	switch v := v.(type) {
	case string:
		n := len(v) + 3
		for _, c := range []byte(v) {
			switch c {
			case '"', '\\':
				n++
			case '<', '>', '&': // encoding/json writes \u003c
				n += 5
			}
		}
		return n
	case map[string]any:
		n := 3
		for k, e := range v {
			n += cost(k) + cost(e)
		}
		return n
	case []any:
		n := 3
		for _, e := range v {
			n += cost(e)
		}
		return n
	}
	return 8
}

// clean returns s on one line, as valid UTF-8 of at most limit bytes. A text that is
// cut ends with an ellipsis. BSON takes no NUL in keys, and pages show one line.
func clean(s string, limit int) string {
	if plain(s) && len(s) <= limit {
		return s
	}
	const ellipsis = "…"
	room := limit
	if len(s) > limit {
		room -= len(ellipsis)
	}
	var out strings.Builder
	for _, r := range s {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) {
			r = ' '
		}
		if out.Len()+utf8.RuneLen(r) > room {
			out.WriteString(ellipsis)
			break
		}
		out.WriteRune(r)
	}
	return strings.TrimSpace(out.String())
}

// plain reports whether s is printable ASCII.
func plain(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c >= utf8.RuneSelf-1 {
			return false
		}
	}
	return true
}
