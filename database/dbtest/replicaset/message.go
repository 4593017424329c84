package replicaset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/wiremessage"
)

const (
	headerLen = 16
	opQuery   = 2004          // of a driver's first greeting, which most servers understand
	msgBody   = headerLen + 5 // where the body of an OP_MSG begins: after flags and the kind of the first section
	replyBody = headerLen + 20
	// maxMessage is MongoDB's limit, in bytes.
	maxMessage = 48_000_000
)

var errMalformed = errors.New("malformed message")

// message is one message of the wire protocol.
type message struct {
	raw  []byte
	op   wiremessage.OpCode
	id   int32
	at   int      // where body begins in raw
	body bson.Raw // the command, or the answer
}

// readMessage reads a request or an answer.
func readMessage(r io.Reader) (message, error) {
	head := make([]byte, headerLen)
	if _, err := io.ReadFull(r, head); err != nil {
		return message{}, err
	}
	size, id, _, op, _, _ := wiremessage.ReadHeader(head)
	if size < headerLen || size > maxMessage {
		return message{}, fmt.Errorf("%w: length %d", errMalformed, size)
	}
	m := message{raw: slices.Grow(head, int(size)-headerLen)[:size], op: op, id: id}
	if _, err := io.ReadFull(r, m.raw[headerLen:]); err != nil {
		return message{}, err
	}
	switch op {
	case wiremessage.OpMsg:
		m.at = msgBody
	case wiremessage.OpReply:
		m.at = replyBody
	case opQuery:
		name := headerLen + 4
		m.at = name + bytes.IndexByte(m.raw[min(name, len(m.raw)):], 0) + 1 + 8
	}
	if m.at == 0 || m.at+5 > len(m.raw) || op == wiremessage.OpMsg && m.raw[msgBody-1] != byte(wiremessage.SingleDocument) {
		return message{}, fmt.Errorf("%w: %s without a body", errMalformed, op)
	}
	end := m.at + int(binary.LittleEndian.Uint32(m.raw[m.at:]))
	if end < m.at || end > len(m.raw) {
		return message{}, fmt.Errorf("%w: body", errMalformed)
	}
	m.body = bson.Raw(m.raw[m.at:end:end])
	return m, m.body.Validate()
}

// command is the name of the command in a request.
func (m message) command() string {
	first, err := m.body.IndexErr(0)
	if err != nil {
		return ""
	}
	return first.Key()
}

// wantsAnswer is false for unacknowledged writes.
func (m message) wantsAnswer() bool {
	return m.op != wiremessage.OpMsg || !wiremessage.IsMsgMoreToCome(m.raw)
}

// without returns m without the named fields of its body.
func (m message) without(names ...string) (message, error) {
	fields, err := m.body.Elements()
	if err != nil {
		return m, err
	}
	kept := slices.DeleteFunc(slices.Clone(fields), func(e bson.RawElement) bool { return slices.Contains(names, e.Key()) })
	if len(kept) == len(fields) {
		return m, nil
	}
	return m.with(document(kept)), nil
}

// with returns m with another body.
func (m message) with(body bson.Raw) message {
	raw := slices.Concat(m.raw[:m.at], body, m.raw[m.at+len(m.body):])
	binary.LittleEndian.PutUint32(raw, uint32(len(raw)))
	return message{raw: raw, op: m.op, id: m.id, at: m.at, body: raw[m.at : m.at+len(body)]}
}

// answer returns an answer to m.
func (m message) answer(body bson.Raw) message {
	_, raw := wiremessage.AppendHeaderStart(nil, wiremessage.NextRequestID(), m.id, wiremessage.OpMsg)
	raw = wiremessage.AppendMsgSectionType(wiremessage.AppendMsgFlags(raw, 0), wiremessage.SingleDocument)
	return message{raw: raw, op: wiremessage.OpMsg, id: m.id, at: msgBody}.with(body)
}

// document joins fields to a document.
func document(fields []bson.RawElement) bson.Raw {
	doc := binary.LittleEndian.AppendUint32(nil, 0)
	for _, f := range fields {
		doc = append(doc, f...)
	}
	doc = append(doc, 0)
	binary.LittleEndian.PutUint32(doc, uint32(len(doc)))
	return doc
}

// set returns doc with fields added, or put in the place of those of that name.
func set(doc bson.Raw, fields bson.D) (bson.Raw, error) {
	added, err := bson.Marshal(fields)
	if err != nil {
		return nil, err
	}
	old, err := doc.Elements()
	if err != nil {
		return nil, err
	}
	fresh, err := bson.Raw(added).Elements()
	if err != nil {
		return nil, err
	}
	old = slices.DeleteFunc(old, func(e bson.RawElement) bool {
		return slices.ContainsFunc(fields, func(f bson.E) bool { return f.Key == e.Key() })
	})
	return document(append(old, fresh...)), nil
}

func succeeded(answer bson.Raw) bool {
	ok, found := answer.Lookup("ok").AsInt64OK()
	return found && ok == 1
}
