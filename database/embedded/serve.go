package embedded

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"sync"

	"github.com/kubeorch/core/database/embedded/internal/pipe"
	"github.com/kubeorch/core/database/embedded/internal/wire"
)

// errBroken ends a connection of which a request could not be answered.
var errBroken = errors.New("the connection is broken")

// DialContext returns a connection to the store, whatever the address. It makes
// the store an options.ContextDialer.
func (s *Store) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	client, server := pipe.New()
	// A client that gives up ends the command that it waits for.
	ctx, cancel := context.WithCancel(s.ctx)
	server.OnPeerClose(cancel)
	if !s.begin(server, func() { defer cancel(); s.serve(ctx, server) }) {
		cancel()
		return nil, ErrClosed
	}
	return client, nil
}

// Serve answers the connections that ln accepts, until ctx ends or the store is
// closed; it returns nil then, and else the error of ln. Serve closes ln and its
// connections, and no command of theirs goes on when it has returned. Whoever
// can reach ln can read and write everything: there are no passwords.
func (s *Store) Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	var connections sync.WaitGroup
	defer connections.Wait()
	for {
		conn, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			cancel()
			return err
		}
		connections.Add(1)
		if !s.begin(conn, func() {
			defer connections.Done()
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			s.serve(ctx, conn)
		}) {
			connections.Done()
			_ = conn.Close()
		}
	}
}

// begin starts serve for a connection, which Close closes and awaits. It returns
// false when the store is closed.
func (s *Store) begin(c net.Conn, serve func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[c] = struct{}{}
	s.wg.Go(func() {
		serve()
		_ = c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	})
	return true
}

// serve answers one connection until it is closed or breaks the protocol. The
// end of ctx ends the command under way.
func (s *Store) serve(ctx context.Context, c net.Conn) {
	var in, out []byte
	for id := int32(1); ; id++ {
		var err error
		if in, err = wire.Read(c, in); err == nil {
			out, err = s.answer(ctx, c, in, out[:0], id)
		}
		if err != nil {
			if errors.Is(err, wire.ErrMalformed) {
				s.log.WarnContext(ctx, "embedded store: connection closed", "err", err)
			}
			return
		}
		in, out = dropLarge(in), dropLarge(out)
	}
}

// keepBuffer is the largest buffer that an idle connection keeps.
const keepBuffer = 64 << 10

func dropLarge(b []byte) []byte {
	if cap(b) > keepBuffer {
		return nil
	}
	return b
}

func (s *Store) answer(ctx context.Context, w io.Writer, in, out []byte, id int32) (_ []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.ErrorContext(ctx, "embedded store: internal failure", "panic", p, "stack", string(debug.Stack()))
			err = errBroken
		}
	}()
	q, err := wire.Parse(in)
	if err != nil {
		return out, err
	}
	out = wire.AppendHeader(out, q, id)
	out = wire.EndReply(s.server.Handle(ctx, q, out))
	if q.NoReply {
		return out, nil
	}
	_, err = w.Write(out)
	return out, err
}
