package applier

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Body returns o as the body of a server-side apply request. API servers read
// it as YAML, which forbids or changes a few characters that JSON allows; they
// are written as escapes. Characters beyond 16 bits stay as they are, since YAML
// does not join JSON's pairs of escapes.
func Body(o *unstructured.Unstructured) ([]byte, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if changedByYAML(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, text[:size]...)
		}
		text = text[size:]
	}
	return out, nil
}

func changedByYAML(r rune) bool {
	switch r {
	case '\u2028', '\u2029', '\ufeff', '\ufffe', '\uffff':
		return true
	}
	return r >= 0x7f && r <= 0x9f
}
