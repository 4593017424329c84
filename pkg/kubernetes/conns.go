package kubernetes

import (
	"context"
	"net"
	"sync"
)

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// conns are the open network connections of one Connection.
type conns struct {
	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

func newConns() *conns { return &conns{open: make(map[net.Conn]struct{})} }

// dial wraps next, so that close reaches the connections that it opens.
func (c *conns) dial(next dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if c.isClosed() {
			return nil, errClosed()
		}
		raw, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		t := &trackedConn{Conn: raw, owner: c}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.closed {
			_ = raw.Close()
			return nil, errClosed()
		}
		c.open[t] = struct{}{}
		return t, nil
	}
}

// errClosed is the failure of requests on a closed Connection. Its reason keeps
// callers from trying again, as they do after a broken connection.
func errClosed() error {
	return &Error{Reason: Cancelled, Message: "the connection to the cluster was closed because the cluster was removed or the server stops"}
}

func (c *conns) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *conns) isEmpty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open) == 0
}

// close closes every connection; later dials fail.
func (c *conns) close() {
	c.mu.Lock()
	c.closed = true
	open := c.open
	c.open = nil
	c.mu.Unlock()
	for conn := range open {
		_ = conn.(*trackedConn).Conn.Close()
	}
}

// trackedConn removes itself from its owner when it is closed.
type trackedConn struct {
	net.Conn

	owner *conns
}

// Close closes the connection.
func (t *trackedConn) Close() error {
	t.owner.mu.Lock()
	delete(t.owner.open, t)
	t.owner.mu.Unlock()
	return t.Conn.Close()
}
