package embedded_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/kubeorch/core/database/embedded"
)

// section is one part of an OP_MSG: a body, or a sequence if it has a name.
type section struct {
	name string
	docs []bson.D
}

func encode(t testing.TB, d bson.D) []byte {
	t.Helper()
	raw, err := bson.Marshal(d)
	require.NoError(t, err)
	return raw
}

// message writes an OP_MSG.
func message(t testing.TB, flags uint32, sections ...section) []byte {
	t.Helper()
	var m []byte
	for _, field := range []uint32{0, 7, 0, 2013, flags} { // length, request id, response to, OP_MSG
		m = binary.LittleEndian.AppendUint32(m, field)
	}
	for _, s := range sections {
		if s.name == "" {
			m = append(append(m, 0), encode(t, s.docs[0])...)
			continue
		}
		var body []byte
		for _, d := range s.docs {
			body = append(body, encode(t, d)...)
		}
		m = append(m, 1)
		m = binary.LittleEndian.AppendUint32(m, uint32(len(body)+len(s.name)+5))
		m = append(append(append(m, s.name...), 0), body...)
	}
	if flags&1 != 0 {
		binary.LittleEndian.PutUint32(m, uint32(len(m)+4))
		return binary.LittleEndian.AppendUint32(m, crc32.Checksum(m, crc32.MakeTable(crc32.Castagnoli)))
	}
	binary.LittleEndian.PutUint32(m, uint32(len(m)))
	return m
}

func command(fields ...bson.E) section {
	return section{docs: []bson.D{append(bson.D(fields), bson.E{Key: "$db", Value: "test"})}}
}

// legacyHello writes the OP_QUERY with which a driver greets.
func legacyHello(t testing.TB) []byte {
	t.Helper()
	m := make([]byte, 16, 128)
	binary.LittleEndian.PutUint32(m[12:], 2004)
	m = append(append(m, 0, 0, 0, 0), "admin.$cmd\x00\x00\x00\x00\x00\xff\xff\xff\xff"...)
	m = append(m, encode(t, bson.D{{Key: "isMaster", Value: 1}, {Key: "helloOk", Value: true}})...)
	binary.LittleEndian.PutUint32(m, uint32(len(m)))
	return m
}

// exchange sends raw bytes and returns the document of the answer.
func exchange(t testing.TB, s *embedded.Store, raw []byte) (bson.Raw, error) {
	t.Helper()
	conn, err := s.DialContext(t.Context(), "", "")
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	if _, err := conn.Write(raw); err != nil {
		return nil, err
	}
	var head [16]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, err
	}
	rest := make([]byte, binary.LittleEndian.Uint32(head[:])-16)
	if _, err := io.ReadFull(conn, rest); err != nil {
		return nil, err
	}
	skip := 5
	if binary.LittleEndian.Uint32(head[12:]) == 1 {
		skip = 20
	}
	doc := bson.Raw(rest[skip:])
	return doc, doc.Validate()
}

func TestWire(t *testing.T) {
	t.Parallel()
	s, _ := openStore(t, t.TempDir(), embedded.Options{})
	ping := command(bson.E{Key: "ping", Value: 1})
	insert := command(bson.E{Key: "insert", Value: "c"})
	docs := section{name: "documents", docs: []bson.D{{{Key: "a", Value: 1}}, {{Key: "a", Value: 2}}}}
	flip := func(m []byte, at int) []byte { m[at] ^= 0x40; return m }
	for name, tc := range map[string]struct {
		raw    []byte
		ok     bool
		closes bool
	}{
		"hello by OP_QUERY":          {raw: legacyHello(t), ok: true},
		"a body":                     {raw: message(t, 0, ping), ok: true},
		"a checksum":                 {raw: message(t, 1, ping), ok: true},
		"a sequence":                 {raw: message(t, 0, insert, docs), ok: true},
		"a sequence before the body": {raw: message(t, 0, docs, insert), ok: true},
		"an optional flag":           {raw: message(t, 1<<16, ping), ok: true},
		"an unknown command":         {raw: message(t, 0, command(bson.E{Key: "nope", Value: 1}))},
		"an empty command":           {raw: message(t, 0, command())},
		"a strange sequence":         {raw: message(t, 0, insert, section{name: "things", docs: docs.docs})},
		"a wrong checksum":           {raw: flip(message(t, 1, ping), 30), closes: true},
		"a required flag":            {raw: message(t, 1<<5, ping), closes: true},
		"two bodies":                 {raw: message(t, 0, ping, ping), closes: true},
		"no body":                    {raw: message(t, 0), closes: true},
		"no database":                {raw: message(t, 0, section{docs: []bson.D{{{Key: "ping", Value: 1}}}}), closes: true},
		"another opcode":             {raw: flip(message(t, 0, ping), 12), closes: true},
		"a wrong document length":    {raw: flip(message(t, 0, ping), 21), closes: true},
		"a length too small":         {raw: []byte{15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, closes: true},
		"a length too large":         {raw: []byte{0, 0, 0, 127, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, closes: true},
		"a negative length":          {raw: []byte{0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, closes: true},
		"deep nesting":               {raw: message(t, 0, command(bson.E{Key: "ping", Value: deep(300)})), closes: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, err := exchange(t, s, tc.raw)
			if tc.closes {
				require.ErrorIs(t, err, io.EOF)
				return
			}
			require.NoError(t, err)
			ok, _ := answer.Lookup("ok").AsFloat64OK()
			require.Equal(t, tc.ok, ok == 1, "%s", answer)
		})
	}
}

func deep(n int) bson.D {
	d := bson.D{}
	for range n {
		d = bson.D{{Key: "d", Value: d}}
	}
	return d
}

// FuzzWire sends whatever it likes, and then asks whether the store still
// answers and is in order.
func FuzzWire(f *testing.F) {
	e := func(k string, v any) bson.E { return bson.E{Key: k, Value: v} }
	doc := bson.D{e("_id", 1), e("a", bson.A{1, bson.D{e("b", "x")}}), e("when", bson.DateTime(5))}
	f.Add(legacyHello(f))
	for _, c := range []section{
		command(e("hello", 1)), command(e("ping", 1)), command(e("dropDatabase", 1)), command(e("drop", "c")),
		command(e("find", "c"), e("filter", bson.D{e("a.b", bson.D{e("$in", bson.A{"x", nil})})}), e("sort", bson.D{e("a", -1)}), e("limit", 3)),
		command(e("find", "c"), e("filter", bson.D{e("a", bson.D{e("$elemMatch", bson.D{e("b", bson.Regex{Pattern: "x"})})})}), e("batchSize", 1)),
		command(e("find", "c"), e("projection", bson.D{e("a.b", 1), e("_id", 0)}), e("skip", 1)),
		command(e("getMore", int64(5)), e("collection", "c")), command(e("killCursors", "c"), e("cursors", bson.A{int64(5)})),
		command(e("insert", "c"), e("documents", bson.A{doc})),
		command(e("update", "c"), e("updates", bson.A{bson.D{e("q", bson.D{e("a.b", "x")}), e("u", bson.D{e("$set", bson.D{e("a.$.b", 1)})}), e("upsert", true)}})),
		command(e("update", "c"), e("updates", bson.A{bson.D{e("q", bson.D{}), e("u", bson.D{e("$push", bson.D{e("a", bson.D{e("$each", bson.A{3}), e("$sort", -1)})})}), e("multi", true)}})),
		command(e("update", "c"), e("updates", bson.A{bson.D{e("q", bson.D{}), e("u", bson.D{e("$inc", bson.D{e("a.$[x].n", 1)})}), e("arrayFilters", bson.A{bson.D{e("x.b", "x")}})}})),
		command(e("delete", "c"), e("deletes", bson.A{bson.D{e("q", bson.D{}), e("limit", 1)}})),
		command(e("findAndModify", "c"), e("query", bson.D{}), e("update", bson.D{e("$rename", bson.D{e("a", "z.y")})}), e("new", true)),
		command(e("aggregate", "c"), e("pipeline", bson.A{bson.D{e("$group", bson.D{e("_id", "$a"), e("n", bson.D{e("$sum", 1)})})}}), e("cursor", bson.D{})),
		command(e("createIndexes", "c"), e("indexes", bson.A{bson.D{e("key", bson.D{e("a.b", 1), e("when", -1)}), e("name", "i"), e("unique", true)}})),
		command(e("dropIndexes", "c"), e("index", "*")), command(e("listIndexes", "c")), command(e("count", "c")), command(e("distinct", "c"), e("key", "a")),
	} {
		f.Add(message(f, 0, c))
		f.Add(message(f, 1, c))
	}
	f.Add(message(f, 2, command(e("insert", "c")), section{name: "documents", docs: []bson.D{doc}}))
	var logged syncBuffer // panics and internal failures
	log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelError}))
	s, _ := openStore(f, f.TempDir(), embedded.Options{Log: log})
	f.Fuzz(func(t *testing.T, raw []byte) {
		sendRaw(t, s, raw, message(t, 0, command(e("ping", 1))))
		_, err := exchange(t, s, message(t, 0, command(e("ping", 1))))
		require.NoError(t, err)
		require.NoError(t, s.Verify(t.Context()))
		require.Empty(t, logged.take())
	})
}

// sendRaw sends one message and a ping. If the message is as long as it says,
// there must be an answer or an end; if not, the store waits for the rest.
func sendRaw(t *testing.T, s *embedded.Store, raw, ping []byte) {
	t.Helper()
	conn, err := s.DialContext(t.Context(), "", "")
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	whole := len(raw) >= 4 && int64(binary.LittleEndian.Uint32(raw)) <= int64(len(raw))
	if whole {
		raw = append(raw[:min(len(raw), max(16, int(binary.LittleEndian.Uint32(raw))))], ping...)
	}
	if _, err := conn.Write(raw); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Fatal(err)
	}
	if whole {
		_, err = io.CopyN(io.Discard, conn, 1)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "neither an answer nor an end")
	}
	require.NoError(t, conn.Close())
}
