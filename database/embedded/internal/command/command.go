// Package command answers MongoDB commands from a storage.Store.
package command

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
	"github.com/kubeorch/core/database/embedded/internal/storage"
	"github.com/kubeorch/core/database/embedded/internal/wire"
)

// Server answers commands. It is safe for concurrent use.
type Server struct {
	store   *storage.Store
	log     *slog.Logger
	now     func() time.Time
	cursors cursors
	table   map[string]handler
}

// handler appends the fields of an answer to r.out.
type handler func(ctx context.Context, r *request) error

// New returns a server on store.
func New(store *storage.Store, now func() time.Time, log *slog.Logger) *Server {
	s := &Server{store: store, now: now, log: log, cursors: cursors{byID: map[int64]*cursor{}}}
	s.table = map[string]handler{
		"hello": s.hello, "isMaster": s.hello, "ping": ping,
		"insert": s.insert, "update": s.update, "delete": s.delete, "findAndModify": s.findAndModify,
		"find": s.find, "getMore": s.getMore, "killCursors": s.killCursors, "count": s.count, "aggregate": s.aggregate,
		"createIndexes": s.createIndexes, "listIndexes": s.listIndexes, "dropIndexes": s.dropIndexes,
		"listCollections": s.listCollections,
	}
	return s
}

// maxOverhead is what surrounds an answer in its message.
const maxOverhead = 1024

// request is one command on its way.
type request struct {
	wire.Request
	name string
	arg  bsonval.Value // the command's own value, often a collection's name
	out  []byte        // the answer's document, begun
}

// Handle appends the answer to q, a whole document, to dst. It does not fail:
// an error is an answer too.
func (s *Server) Handle(ctx context.Context, q wire.Request, dst []byte) []byte {
	r := &request{Request: q}
	r.name, r.arg, _ = bsonval.First(q.Body)
	idx, out := bsoncore.AppendDocumentStart(dst)
	r.out = out
	start := len(out)
	err := s.run(ctx, r)
	if err == nil && len(r.out) > wire.MaxMessage-maxOverhead {
		err = mongoerr.New(mongoerr.ObjectTooLarge, "the answer of %d bytes is too large", len(r.out))
	}
	if err != nil {
		r.out = appendError(r.out[:start], s.explain(ctx, r, err))
		return bsonval.End(r.out, idx)
	}
	r.out = bsoncore.AppendDoubleElement(r.out, "ok", 1)
	return bsonval.End(r.out, idx)
}

func (s *Server) run(ctx context.Context, r *request) error {
	h, ok := s.table[r.name]
	if !ok {
		return mongoerr.New(mongoerr.CommandNotFound, "no such command, or not supported: '%s'", r.name)
	}
	if r.Unsupported != nil {
		return mongoerr.New(mongoerr.BadValue, "%v", r.Unsupported)
	}
	if len(r.Sequences) > 0 && r.name != "insert" && r.name != "update" && r.name != "delete" {
		return mongoerr.New(mongoerr.UnknownField, "sequence '%s' does not belong to %s", r.Sequences[0].Name, r.name)
	}
	for _, name := range []string{"txnNumber", "startTransaction", "autocommit"} {
		if _, ok := bsonval.Lookup(r.Body, name); ok {
			return mongoerr.New(mongoerr.IllegalOperation, "transactions and retryable writes are not supported: %s", name)
		}
	}
	if v, ok := bsonval.Lookup(r.Body, "maxTimeMS"); ok {
		ms, ok := bsonval.Integer(v)
		if !ok || ms < 0 || ms > 1<<31-1 {
			return mongoerr.New(mongoerr.BadValue, "maxTimeMS must be a whole number from 0 to 2147483647")
		}
		if ms > 0 && r.name != "getMore" {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
			defer cancel()
		}
	}
	return h(ctx, r)
}

// explain turns what went wrong into an answer.
func (s *Server) explain(ctx context.Context, r *request, err error) *mongoerr.Error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return mongoerr.New(mongoerr.MaxTimeMSExpired, "operation exceeded time limit")
	case errors.Is(err, context.Canceled), errors.Is(err, storage.ErrClosed):
		return mongoerr.New(mongoerr.ShutdownInProgress, "the connection or the store is closing")
	}
	e := mongoerr.As(err)
	if e.Code == mongoerr.InternalError || e.Code == mongoerr.DataCorruption {
		s.log.ErrorContext(ctx, "embedded store: command failed", "command", r.name, "err", err)
	}
	return e
}

func appendError(dst []byte, e *mongoerr.Error) []byte {
	dst = bsoncore.AppendDoubleElement(dst, "ok", 0)
	dst = bsoncore.AppendStringElement(dst, "errmsg", e.Msg)
	dst = bsoncore.AppendInt32Element(dst, "code", int32(e.Code))
	dst = bsoncore.AppendStringElement(dst, "codeName", e.Code.Name())
	return appendKey(dst, e)
}

// appendKey tells which key was taken, if that was the failure.
func appendKey(dst []byte, e *mongoerr.Error) []byte {
	if e.KeyPattern != nil {
		dst = bsoncore.AppendDocumentElement(dst, "keyPattern", e.KeyPattern)
		dst = bsoncore.AppendDocumentElement(dst, "keyValue", e.KeyValue)
	}
	return dst
}
