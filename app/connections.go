package app

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// connections knows which connections of a server wait for their client, so
// that a stop need not wait with them.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]phase
}

// phase is what a connection is doing.
type phase uint8

const (
	unused    phase = iota // no request has arrived
	answering              // a handler is at work
	answered               // net/http sends the answer, drops the rest of the body, or waits
)

type connectionKey struct{}

// attach makes srv report its connections.
func (c *connections) attach(srv *http.Server) {
	c.open = map[net.Conn]phase{}
	srv.ConnState = c.changed
	srv.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connectionKey{}, conn)
	}
	handler := srv.Handler
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _ := r.Context().Value(connectionKey{}).(net.Conn)
		c.enter(conn, answering)
		defer c.enter(conn, answered)
		handler.ServeHTTP(w, r)
	})
}

func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.open[conn] = unused
	case http.StateHijacked, http.StateClosed:
		delete(c.open, conn)
	case http.StateActive, http.StateIdle:
	}
}

func (c *connections) enter(conn net.Conn, p phase) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, open := c.open[conn]; open {
		c.open[conn] = p
	}
}

// stopReading ends the waiting for requests that have not arrived, and for the
// rest of bodies whose requests are answered. Answers are still sent.
func (c *connections) stopReading() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn, p := range c.open {
		switch p {
		case unused:
			_ = conn.Close()
		case answered:
			_ = conn.SetReadDeadline(time.Unix(1, 0))
		case answering:
		}
	}
}
