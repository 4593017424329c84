package terminal

import (
	"slices"
	"unicode/utf8"
)

// output makes messages of what a shell prints, whose bytes come in any pieces. A
// character that is not complete waits for its rest; bytes that are none become U+FFFD.
type output struct {
	send func(text string) error
	rest []byte // the beginning of a character
}

// Write sends p. Only one call at a time is expected.
func (o *output) Write(p []byte) (int, error) {
	data := p
	if len(o.rest) > 0 {
		data = slices.Concat(o.rest, p)
	}
	whole := len(data) - incomplete(data)
	o.rest = append([]byte(nil), data[whole:]...)
	if whole > 0 {
		if err := o.send(validText(data[:whole])); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// flush sends what waits for its rest.
func (o *output) flush() {
	if len(o.rest) > 0 {
		_ = o.send(validText(o.rest)) // the session ends in any case
		o.rest = nil
	}
}

// incomplete returns how many bytes at the end of p begin a character and lack its rest.
func incomplete(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if tail := p[len(p)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

// validText returns p with U+FFFD in place of each byte that belongs to no character.
func validText(p []byte) string {
	if utf8.Valid(p) {
		return string(p)
	}
	return string([]rune(string(p)))
}
