package handlers

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/kubeorch/core/models"
)

// The bounds of a body's shape, whatever its size. A drawing of 1,000 nodes and
// 5,000 edges has some 120,000 values in objects of 30 keys at a depth of 10; a
// schema in a custom resource is deeper, and a ConfigMap has more keys and texts
// of up to 1 MB.
const (
	maxDepth  = 64
	maxValues = 200_000 // objects, lists and what they hold
	maxKeys   = 10_000  // in one object
	maxKey    = 1 << 10 // bytes of one key, as it is sent
	maxText   = 8 << 20 // bytes of one text or number, as it is sent
)

// scanner reads a body and refuses what encoding/json accepts or finds late:
// duplicate keys, invalid UTF-8, anything but one object, and shapes that need
// far more memory than bytes. It refuses at the place where a bound is passed,
// before more is read.
type scanner struct {
	body io.Reader
	dec  *jsontext.Decoder

	data            []byte // what was read
	end             int64  // of the last token
	values, objects int64
	empty, null     bool
}

func newScanner(body io.Reader) *scanner {
	s := &scanner{body: body}
	s.dec = jsontext.NewDecoder(s)
	return s
}

// Read passes the body on to the decoder and keeps it. A text that is too long
// ends it, so that the decoder, which needs whole texts, does not hold it.
func (s *scanner) Read(p []byte) (int, error) {
	const ahead = 16 << 10 // the decoder reads as far as its buffer reaches
	if int64(len(s.data))-s.end > maxText+ahead {
		return 0, tooLong("text", maxText)
	}
	n, err := s.body.Read(p[:min(len(p), ahead)])
	s.data = append(s.data, p[:n]...)
	return n, err
}

// scan reads the body to its end. isJSON tells whether it is declared as JSON,
// which a body without content need not be.
func (s *scanner) scan(isJSON bool) error {
	kind := s.dec.PeekKind()
	if kind == jsontext.KindInvalid {
		_, err := s.dec.ReadToken()
		if s.empty = errors.Is(err, io.EOF); s.empty {
			return nil
		}
		if isJSON || unreadable(err) != nil {
			return readError(err)
		}
	}
	switch {
	case !isJSON:
		return badBody("the body must be JSON, sent with Content-Type: application/json", nil)
	case kind != jsontext.KindBeginObject && kind != jsontext.KindNull:
		return notAnObject()
	}
	s.null = kind == jsontext.KindNull
	for s.values == 0 || s.dec.StackDepth() > 0 {
		if err := s.token(); err != nil {
			return err
		}
	}
	if _, err := s.dec.ReadToken(); !errors.Is(err, io.EOF) {
		if unreadable(err) != nil {
			return readError(err)
		}
		return badBody("the body holds something behind the JSON object", nil)
	}
	return nil
}

// token reads one token and counts it.
func (s *scanner) token() error {
	tok, err := s.dec.ReadToken()
	if err != nil {
		return readError(err)
	}
	depth := s.dec.StackDepth()
	parent, place := s.dec.StackIndex(depth)
	size := s.dec.InputOffset() - s.end // with the white space before it
	s.end += size
	switch kind := tok.Kind(); {
	case kind == jsontext.KindEndObject || kind == jsontext.KindEndArray:
		return nil
	case kind == jsontext.KindString && parent == jsontext.KindBeginObject && place%2 == 1:
		switch {
		case size > maxKey:
			return tooLong("key", maxKey)
		case place > 2*maxKeys:
			return badBody(fmt.Sprintf("the body has an object with more than %d keys", maxKeys), nil)
		}
		return nil
	case kind == jsontext.KindBeginObject:
		s.objects++
	}
	s.values++
	switch {
	case depth > maxDepth:
		return badBody(fmt.Sprintf("the body is nested deeper than %d levels", maxDepth), nil)
	case s.values > maxValues:
		return badBody(fmt.Sprintf("the body holds more than %d values", maxValues), nil)
	case size > maxText:
		return tooLong("text", maxText)
	}
	return nil
}

// weight is about the memory that handling the body takes: its bytes as text, as
// BSON and as JSON again, and its values and objects in Go.
func (s *scanner) weight() int64 {
	const perByte, perValue, perObject = 8, 128, 512
	return perByte*int64(len(s.data)) + perValue*s.values + perObject*s.objects
}

func tooLong(what string, limit int) error {
	return badBody(fmt.Sprintf("the body has a %s longer than %d bytes", what, limit), nil)
}

// unreadable returns the error of reading in err, or nil when what was read is
// no JSON.
func unreadable(err error) error {
	if e, ok := errors.AsType[*models.Error](err); ok {
		return e
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		msg := fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)
		return &models.Error{Op: "handlers.decode", Kind: models.TooLarge, Msg: msg, Err: err}
	}
	if _, ok := errors.AsType[*jsontext.SyntacticError](err); err == nil || ok {
		return nil
	}
	return badBody("the body could not be read completely", err)
}

// readError says why no token could be read.
func readError(err error) error {
	at, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case !ok && !errors.Is(err, io.ErrUnexpectedEOF):
		return unreadable(err)
	case !ok || errors.Is(err, io.ErrUnexpectedEOF):
		return badBody("the body ends before its JSON does", err)
	}
	where := ""
	if at.JSONPointer != "" {
		where = fmt.Sprintf(" within %q", string(at.JSONPointer))
	}
	return badBody(fmt.Sprintf("the body is not valid JSON: %v%s, after %d bytes", at.Err, where, at.ByteOffset), err)
}
