package command

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
	"github.com/kubeorch/core/database/embedded/internal/query"
	"github.com/kubeorch/core/database/embedded/internal/storage"
)

const (
	firstBatch = 101
	// maxBatchBytes keeps an answer within what drivers accept.
	maxBatchBytes = 16 << 20
	// cursorIdle is how long a cursor waits for its client, as in MongoDB.
	cursorIdle = 10 * time.Minute
	maxCursors = 10_000
)

// source gives the documents of a cursor one after the other. A source that
// stopped goes on where it was, also in another transaction.
type source interface {
	each(ctx context.Context, tx *storage.Tx, yield func(doc []byte) bool) error
}

// listSource gives documents that are in memory.
type listSource struct{ docs [][]byte }

func (l *listSource) each(_ context.Context, _ *storage.Tx, yield func([]byte) bool) error {
	for len(l.docs) > 0 {
		doc := l.docs[0]
		l.docs = l.docs[1:]
		if !yield(doc) {
			return nil
		}
	}
	return nil
}

// scanSource gives what a scan finds.
type scanSource struct{ *query.Scan }

func (s scanSource) each(ctx context.Context, tx *storage.Tx, yield func([]byte) bool) error {
	return s.Each(ctx, tx, yield)
}

// cursor is a query of which the client has not yet got everything. It is used
// by one command at a time.
type cursor struct {
	id         int64
	ns         string
	src        source
	skip       int64
	limit      int64 // left to return; -1: all
	projection *query.Projection
	pending    []byte // read, but not yet returned
	done       bool
	used       time.Time
}

// fill appends the elements of a batch of at most n documents (0: no limit).
func (c *cursor) fill(ctx context.Context, tx *storage.Tx, dst []byte, n int) ([]byte, error) {
	count, size := 0, 0
	put := func(doc []byte) bool {
		if c.limit == 0 {
			return false
		}
		if n > 0 && count == n || count > 0 && size+len(doc) > maxBatchBytes {
			c.pending = bytes.Clone(doc)
			return false
		}
		before := len(dst)
		dst = bsoncore.AppendHeader(dst, bsoncore.TypeEmbeddedDocument, strconv.Itoa(count))
		dst = c.projection.Append(dst, doc)
		size += len(dst) - before
		count++
		c.limit--
		return c.limit != 0
	}
	if pending := c.pending; pending != nil {
		c.pending = nil
		if !put(pending) {
			c.done = c.pending == nil
			return dst, nil
		}
	}
	err := c.src.each(ctx, tx, func(doc []byte) bool {
		if c.skip > 0 {
			c.skip--
			return true
		}
		return put(doc)
	})
	c.done = c.pending == nil
	return dst, err
}

// reply appends {cursor: {firstBatch|nextBatch, id, ns}} and keeps the cursor
// if there is more.
func (s *Server) reply(ctx context.Context, tx *storage.Tx, r *request, c *cursor, batch string, n int, keep bool) error {
	idx, dst := bsoncore.AppendDocumentElementStart(r.out, "cursor")
	list, dst := bsoncore.AppendArrayElementStart(dst, batch)
	if n >= 0 {
		var err error
		if dst, err = c.fill(ctx, tx, dst, n); err != nil {
			return err
		}
	}
	dst = bsonval.End(dst, list)
	id := int64(0)
	if !c.done && keep {
		var err error
		if id, err = s.cursors.keep(c, s.now()); err != nil {
			return err
		}
	}
	dst = bsoncore.AppendInt64Element(dst, "id", id)
	dst = bsoncore.AppendStringElement(dst, "ns", c.ns)
	r.out = bsonval.End(dst, idx)
	return nil
}

// cursors are those that wait for their clients.
type cursors struct {
	mu   sync.Mutex
	byID map[int64]*cursor
}

func (cs *cursors) keep(c *cursor, now time.Time) (int64, error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if len(cs.byID) >= maxCursors {
		return 0, mongoerr.New(mongoerr.OperationFailed, "there are %d open cursors already", maxCursors)
	}
	for c.id == 0 || cs.byID[c.id] != nil && cs.byID[c.id] != c {
		c.id = rand.Int64() //nolint:gosec // an id, not a secret: only this process's own driver can ask for it
	}
	c.used = now
	cs.byID[c.id] = c
	return c.id, nil
}

// take removes and returns a cursor, so that nobody else uses it meanwhile.
func (cs *cursors) take(id int64) *cursor {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.byID[id]
	delete(cs.byID, id)
	return c
}

// ExpireCursors forgets cursors that nobody has used for a while.
func (s *Server) ExpireCursors() {
	limit := s.now().Add(-cursorIdle)
	s.cursors.mu.Lock()
	defer s.cursors.mu.Unlock()
	for id, c := range s.cursors.byID {
		if c.used.Before(limit) {
			delete(s.cursors.byID, id)
		}
	}
}

// cursorSize reads {cursor: {batchSize: n}}; -1 opens a cursor without reading.
func cursorSize(name string, v bsonval.Value) (int64, error) {
	size := int64(firstBatch)
	doc, err := document(name, v)
	if err != nil {
		return 0, err
	}
	err = eachField(name, doc, func(name string, v bsonval.Value) (bool, error) {
		if name != "batchSize" {
			return false, nil
		}
		var err error
		if size, err = count(name, v); size == 0 {
			size = -1
		}
		return true, err
	})
	return size, err
}

func (s *Server) getMore(ctx context.Context, r *request) error {
	id, ok := r.arg.Int64OK()
	if !ok {
		return wrongType("getMore.getMore", r.arg, "long")
	}
	var coll string
	var size int64
	err := r.options(func(name string, v bsonval.Value) (bool, error) {
		var err error
		switch name {
		case "collection":
			coll, _ = v.StringValueOK()
		case "batchSize":
			size, err = count(name, v)
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return err
	}
	if coll == "" {
		return missing("getMore.collection")
	}
	c := s.cursors.take(id)
	if c == nil || c.ns != r.Database+"."+coll {
		if c != nil {
			_, _ = s.cursors.keep(c, s.now())
		}
		return mongoerr.New(mongoerr.CursorNotFound, "cursor id %d not found", id)
	}
	return s.store.View(func(tx *storage.Tx) error {
		return s.reply(ctx, tx, r, c, "nextBatch", int(size), true)
	})
}

func (s *Server) killCursors(_ context.Context, r *request) error {
	var list bsonval.Value
	err := r.options(func(name string, v bsonval.Value) (bool, error) {
		if name != "cursors" {
			return false, nil
		}
		list = v
		return true, nil
	})
	if err != nil {
		return err
	}
	if !bsonval.IsArray(list) {
		return wrongType("killCursors.cursors", list, "array")
	}
	var killed, unknown []bsonval.Value
	for _, v := range bsonval.Fields(list.Data) {
		if id, ok := v.Int64OK(); ok && s.cursors.take(id) != nil {
			killed = append(killed, v)
		} else {
			unknown = append(unknown, v)
		}
	}
	r.out = bsoncore.BuildArrayElement(r.out, "cursorsKilled", killed...)
	r.out = bsoncore.BuildArrayElement(r.out, "cursorsNotFound", unknown...)
	r.out = bsoncore.BuildArrayElement(r.out, "cursorsAlive")
	r.out = bsoncore.BuildArrayElement(r.out, "cursorsUnknown")
	return nil
}
