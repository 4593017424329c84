package handlers

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/kubeorch/core/models"
)

// pieceSize is how much of a large input is decoded at a time.
const pieceSize = 16 << 10

// large reads a message that does not fit into memory: an object whose field type,
// "input", comes before data, and whose other fields are texts and numbers. Browsers
// write it in this order.
func (f *terminalFrame) large() (models.TerminalMessage, error) {
	m := models.TerminalMessage{}
	if err := f.expect('{'); err != nil {
		return m, err
	}
	for {
		key, err := f.text()
		if err != nil {
			return m, err
		}
		if err := f.expect(':'); err != nil {
			return m, err
		}
		switch {
		case key == "type":
			m.Type, err = f.text()
		case key == "data" && m.Type == models.TerminalInput:
			err = f.paste()
		case key == "data":
			err = badFrame("of more than %d bytes must begin with its type, which must be %q", smallFrame, models.TerminalInput)
		default:
			err = f.skip()
		}
		if err != nil {
			return m, err
		}
		switch c, err := f.next(); {
		case err != nil:
			return m, err
		case c == '}':
			return m, f.end()
		case c != ',':
			return m, f.malformed()
		}
	}
}

func (f *terminalFrame) malformed() error { return badFrame("must be well-formed JSON") }

// fail turns the end of a message that is not complete into an error.
func (f *terminalFrame) fail(err error) error {
	if err == io.EOF { //nolint:errorlint // see Read
		return f.malformed()
	}
	return err
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// next returns the next byte that is no space.
func (f *terminalFrame) next() (byte, error) {
	for {
		c, err := f.buf.ReadByte()
		if err != nil {
			return 0, f.fail(err)
		}
		if !isSpace(c) {
			return c, nil
		}
	}
}

func (f *terminalFrame) expect(want byte) error {
	c, err := f.next()
	if err == nil && c != want {
		err = f.malformed()
	}
	return err
}

// end reads the rest of the message, which is empty.
func (f *terminalFrame) end() error {
	for {
		c, err := f.buf.ReadByte()
		switch {
		case err == io.EOF: //nolint:errorlint // see Read
			return nil
		case err != nil:
			return err
		case !isSpace(c):
			return f.malformed()
		}
	}
}

// skip reads a text, a number or another word.
func (f *terminalFrame) skip() error {
	c, err := f.next()
	if err != nil {
		return err
	}
	if err := f.buf.UnreadByte(); err != nil {
		return err
	}
	if c == '"' {
		_, err := f.text()
		return err
	}
	for {
		c, err := f.buf.ReadByte()
		switch {
		case err != nil:
			return f.fail(err)
		case c == ',' || c == '}' || isSpace(c):
			return f.buf.UnreadByte()
		case c != '-' && c != '+' && c != '.' && !unicode.IsLetter(rune(c)) && !unicode.IsDigit(rune(c)):
			return f.malformed()
		}
	}
}

// text reads a short text.
func (f *terminalFrame) text() (string, error) {
	if err := f.expect('"'); err != nil {
		return "", err
	}
	f.piece = f.piece[:0]
	for {
		f.plain()
		done, _, err := f.character()
		switch {
		case err != nil:
			return "", err
		case done:
			return f.decode()
		case len(f.piece) > pieceSize:
			return "", badFrame("must not have such a long field")
		}
	}
}

// paste passes a text of any size on to input.
func (f *terminalFrame) paste() error {
	if err := f.expect('"'); err != nil {
		return err
	}
	f.piece = f.piece[:0]
	for {
		f.plain()
		done, whole, err := f.character()
		if err != nil {
			return err
		}
		if !done && (len(f.piece) < pieceSize || !whole && len(f.piece) < 2*pieceSize) {
			continue
		}
		text, err := f.decode()
		if err != nil {
			return err
		}
		if err := f.input([]byte(text)); err != nil || done {
			return err
		}
	}
}

// decode returns the text of the piece and begins another one.
func (f *terminalFrame) decode() (string, error) {
	var text string
	err := json.Unmarshal([]byte(`"`+string(f.piece)+`"`), &text)
	f.piece = f.piece[:0]
	if err != nil {
		return "", f.malformed()
	}
	return text, nil
}

// plain adds what has been read already, up to an escape or the end of the text, and
// keeps the piece from growing beyond its size. It cuts no character.
func (f *terminalFrame) plain() {
	data, err := f.buf.Peek(max(0, min(f.buf.Buffered(), pieceSize-len(f.piece))))
	if err != nil {
		return
	}
	if i := bytes.IndexAny(data, `"\\`); i >= 0 {
		data = data[:i]
	}
	for i := len(data) - 1; i >= max(0, len(data)-utf8.UTFMax); i-- {
		if utf8.RuneStart(data[i]) {
			if !utf8.FullRune(data[i:]) {
				data = data[:i]
			}
			break
		}
	}
	f.piece = append(f.piece, data...)
	_, _ = f.buf.Discard(len(data)) // it is there
}

// character adds one character of a text, as JSON writes it, to the piece. done is
// true at the end of the text. whole is false for the first half of a pair that is
// decoded together.
func (f *terminalFrame) character() (done, whole bool, err error) {
	r, _, err := f.buf.ReadRune()
	switch {
	case err != nil:
		return false, false, f.fail(err)
	case r == '"':
		return true, true, nil
	case r != '\\':
		f.piece = utf8.AppendRune(f.piece, r)
		return false, true, nil
	}
	escape := make([]byte, 1, len("u0000"))
	if escape[0], err = f.buf.ReadByte(); err == nil && escape[0] == 'u' {
		escape = escape[:cap(escape)]
		_, err = io.ReadFull(f.buf, escape[1:])
	}
	if err != nil {
		return false, false, f.malformed()
	}
	f.piece = append(append(f.piece, '\\'), escape...)
	return false, !firstOfPair(escape), nil
}

// firstOfPair reports whether an escape is the first half of a surrogate pair.
func firstOfPair(escape []byte) bool {
	if len(escape) != len("u0000") {
		return false
	}
	n, err := strconv.ParseUint(string(escape[1:]), 16, 16)
	return err == nil && n >= 0xd800 && n < 0xdc00
}
