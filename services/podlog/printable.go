package podlog

import (
	"bytes"
	"unicode/utf8"
)

const escape = 0x1b

// printable returns text as plain text in UTF-8, in memory of its own: without the
// escape sequences of terminals, with spaces in place of control characters and of
// what pages take for line breaks, and with U+FFFD in place of what is not UTF-8.
func printable(text []byte) []byte {
	text = bytes.TrimRight(text, "\r")
	out := make([]byte, 0, len(text))
	lastEnd := lastTerminator(text)
	for all := text; len(text) > 0; {
		if b := text[0]; b >= ' ' && b < 0x7f || b == '\t' {
			out, text = append(out, b), text[1:]
			continue
		}
		if text[0] == escape {
			text = text[sequence(text, len(all)-len(text) < lastEnd):]
			continue
		}
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			r = ' '
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// lastTerminator returns where the last terminator of a string such as OSC begins.
func lastTerminator(text []byte) int {
	return max(bytes.LastIndexByte(text, '\a'), bytes.LastIndex(text, []byte("\x1b\\")))
}

// sequence returns the length of the escape sequence that text begins with, as ECMA-48
// has it: CSI up to its final byte, strings such as OSC up to their terminator, if
// there is one, and else the bytes up to a final one.
func sequence(text []byte, terminated bool) int {
	if len(text) < 2 {
		return len(text)
	}
	switch text[1] {
	case '[':
		return control(text)
	case ']', 'P', 'X', '^', '_':
		for i := 2; terminated && i < len(text); i++ {
			switch {
			case text[i] == '\a':
				return i + 1
			case text[i] == escape && i+1 < len(text) && text[i+1] == '\\':
				return i + 2
			}
		}
		return 2 // its text is shown
	}
	i := 1
	for i < len(text) && text[i] >= 0x20 && text[i] <= 0x2f {
		i++
	}
	if i < len(text) && text[i] >= 0x30 && text[i] <= 0x7e {
		i++
	}
	return i
}

// control returns the length of the control sequence that text begins with.
func control(text []byte) int {
	for i := 2; i < len(text); i++ {
		switch b := text[i]; {
		case b >= 0x40 && b <= 0x7e:
			return i + 1
		case b < 0x20 || b > 0x3f: // neither a parameter nor the end
			return i
		}
	}
	return len(text)
}
