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

// dial wraps next so that close reaches what it opened.
func (c *conns) dial(next dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if c.ended() {
			return nil, errCut()
		}
		raw, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		t := &tracked{Conn: raw, from: c}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.closed {
			_ = raw.Close()
			return nil, errCut()
		}
		c.open[t] = struct{}{}
		return t, nil
	}
}

// errCut is not retried by anybody, unlike a connection that broke.
func errCut() error {
	return &Error{Reason: Cancelled, Message: "the connection to the cluster was closed because the cluster was removed or the server stops"}
}

func (c *conns) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *conns) none() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open) == 0
}

// close ends every connection; later dials fail.
func (c *conns) close() {
	c.mu.Lock()
	c.closed = true
	open := c.open
	c.open = nil
	c.mu.Unlock()
	for conn := range open {
		_ = conn.(*tracked).Conn.Close()
	}
}

type tracked struct {
	net.Conn

	from *conns
}

// Close also forgets the connection.
func (t *tracked) Close() error {
	t.from.mu.Lock()
	delete(t.from.open, t)
	t.from.mu.Unlock()
	return t.Conn.Close()
}
