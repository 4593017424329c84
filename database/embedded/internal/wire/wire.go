// Package wire reads and writes the messages of the MongoDB wire protocol:
// OP_MSG, and OP_QUERY with OP_REPLY as far as a driver's first greeting needs.
package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
)

// MaxMessage is the largest message that is accepted, in bytes.
const MaxMessage = 48_000_000

const (
	headerLen = 16
	opReply   = 1
	opQuery   = 2004
	opMsg     = 2013

	flagChecksum   = 1 << 0
	flagMoreToCome = 1 << 1
	// requiredFlags are the bits that must not be set unless they are understood.
	requiredFlags = 0xFFFF

	// trusted is how much is allocated because a header says so. Beyond it the
	// buffer grows only as data arrives.
	trusted = 64 << 10
)

// ErrMalformed is wrapped by every error about a message's content. The
// connection cannot be used after it.
var ErrMalformed = errors.New("malformed message")

// Request is one message from a client. Body and Sequences refer to the buffer
// that the message was read into.
type Request struct {
	ID        int32
	Legacy    bool // came as OP_QUERY and wants OP_REPLY
	NoReply   bool // the client does not read an answer
	Database  string
	Body      bsoncore.Document
	Sequences []Sequence
	// Unsupported says which value has a type that the store does not support;
	// the request must then be refused.
	Unsupported error
}

// Sequence is a list of documents that belongs to the command under a name.
type Sequence struct {
	Name string
	Docs []bsoncore.Document
}

// Read reads one message into buf, which it returns, grown if needed, for the
// next call. io.EOF means that the client hung up between messages.
func Read(r io.Reader, buf []byte) ([]byte, error) {
	buf = append(buf[:0], make([]byte, 4)...)
	if _, err := io.ReadFull(r, buf); err != nil {
		return buf, err
	}
	size := int(int32(binary.LittleEndian.Uint32(buf)))
	if size < headerLen || size > MaxMessage {
		return buf, fmt.Errorf("%w: length %d", ErrMalformed, size)
	}
	for len(buf) < size {
		have := len(buf)
		want := min(size, max(trusted, 2*have))
		buf = grow(buf, want)
		if _, err := io.ReadFull(r, buf[have:]); err != nil {
			return buf, fmt.Errorf("message cut off: %w", errors.Join(ErrMalformed, err))
		}
	}
	return buf, nil
}

func grow(buf []byte, n int) []byte {
	if n <= cap(buf) {
		return buf[:n]
	}
	bigger := make([]byte, n)
	copy(bigger, buf)
	return bigger
}

// Parse reads a complete message. All documents in the result are valid BSON.
func Parse(msg []byte) (Request, error) {
	if len(msg) < headerLen || int64(binary.LittleEndian.Uint32(msg)) != int64(len(msg)) {
		return Request{}, fmt.Errorf("%w: header", ErrMalformed)
	}
	req := Request{ID: int32(binary.LittleEndian.Uint32(msg[4:]))}
	switch op := binary.LittleEndian.Uint32(msg[12:]); op {
	case opMsg:
		return req, req.parseMsg(msg)
	case opQuery:
		return req, req.parseQuery(msg[headerLen:])
	default:
		return req, fmt.Errorf("%w: opcode %d", ErrMalformed, op)
	}
}

func (q *Request) parseMsg(msg []byte) error {
	body := msg[headerLen:]
	if len(body) < 4 {
		return fmt.Errorf("%w: no flags", ErrMalformed)
	}
	flags := binary.LittleEndian.Uint32(body)
	if unknown := flags & requiredFlags &^ (flagChecksum | flagMoreToCome); unknown != 0 {
		return fmt.Errorf("%w: flags %#x", ErrMalformed, unknown)
	}
	q.NoReply = flags&flagMoreToCome != 0
	body = body[4:]
	if flags&flagChecksum != 0 {
		if len(body) < 4 {
			return fmt.Errorf("%w: no checksum", ErrMalformed)
		}
		end := len(msg) - 4
		if crc32.Checksum(msg[:end], crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(msg[end:]) {
			return fmt.Errorf("%w: wrong checksum", ErrMalformed)
		}
		body = body[:len(body)-4]
	}
	if err := q.parseSections(body); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	db, _ := bsonval.Lookup(q.Body, "$db") // nothing is no string either
	var ok bool
	if q.Database, ok = db.StringValueOK(); !ok {
		return fmt.Errorf("%w: $db is missing", ErrMalformed)
	}
	return nil
}

func (q *Request) parseSections(rem []byte) error {
	for len(rem) > 0 {
		kind := rem[0]
		rem = rem[1:]
		var err error
		switch {
		case kind == 0 && q.Body == nil:
			q.Body, rem, err = q.readDocument(rem)
		case kind == 1:
			rem, err = q.readSequence(rem)
		default:
			err = fmt.Errorf("section of kind %d", kind)
		}
		if err != nil {
			return err
		}
	}
	if q.Body == nil {
		return errors.New("no body")
	}
	return nil
}

func (q *Request) readSequence(rem []byte) ([]byte, error) {
	if len(rem) < 4 {
		return nil, errors.New("sequence without length")
	}
	size := int64(binary.LittleEndian.Uint32(rem))
	if size < 5 || size > int64(len(rem)) {
		return nil, fmt.Errorf("sequence of length %d", size)
	}
	body, rest := rem[4:size], rem[size:]
	end := bytes.IndexByte(body, 0)
	if end < 0 {
		return nil, errors.New("sequence without name")
	}
	seq := Sequence{Name: string(body[:end])}
	for body = body[end+1:]; len(body) > 0; {
		doc, after, err := q.readDocument(body)
		if err != nil {
			return nil, err
		}
		seq.Docs = append(seq.Docs, doc)
		body = after
	}
	q.Sequences = append(q.Sequences, seq)
	return rest, nil
}

func (q *Request) readDocument(rem []byte) (bsoncore.Document, []byte, error) {
	if len(rem) < 5 {
		return nil, nil, errors.New("document cut off")
	}
	size := int64(binary.LittleEndian.Uint32(rem))
	if size < 5 || size > int64(len(rem)) {
		return nil, nil, fmt.Errorf("document of length %d", size)
	}
	doc := rem[:size:size]
	err := bsonval.Validate(doc)
	if _, ok := errors.AsType[*bsonval.UnsupportedTypeError](err); ok {
		q.Unsupported = err
	} else if err != nil {
		return nil, nil, err
	}
	return doc, rem[size:], nil
}

// parseQuery reads what follows the header of an OP_QUERY.
func (q *Request) parseQuery(rem []byte) error {
	if len(rem) < 4 {
		return fmt.Errorf("%w: no flags", ErrMalformed)
	}
	rem = rem[4:]
	end := bytes.IndexByte(rem, 0)
	if end < 0 || len(rem) < end+1+8 {
		return fmt.Errorf("%w: no collection", ErrMalformed)
	}
	db, _, ok := bytes.Cut(rem[:end], []byte("."))
	if !ok {
		return fmt.Errorf("%w: collection without database", ErrMalformed)
	}
	doc, _, err := q.readDocument(rem[end+1+8:])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	q.Legacy, q.Database, q.Body = true, string(db), doc
	return nil
}

// AppendHeader begins the answer to q in dst, which must be empty. The answer's
// document follows it.
func AppendHeader(dst []byte, q Request, id int32) []byte {
	op := uint32(opMsg)
	if q.Legacy {
		op = opReply
	}
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(id))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(q.ID))
	dst = binary.LittleEndian.AppendUint32(dst, op)
	if q.Legacy {
		// Flags (await capable), no cursor, from the first, one document.
		return append(dst, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)
	}
	return append(dst, 0, 0, 0, 0, 0)
}

// EndReply completes a message that AppendHeader began.
func EndReply(msg []byte) []byte {
	binary.LittleEndian.PutUint32(msg, uint32(len(msg)))
	return msg
}
