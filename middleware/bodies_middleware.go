package middleware

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// BytePool counts bytes that are in memory. Take refuses what exceeds the total
// or the share of a key; own tells that it is a share.
type BytePool interface {
	Take(n int64, keys ...string) (ok, own bool)
	Give(n int64, keys ...string)
}

// WorkQueue lets work begin while there is memory for it. Begin waits until
// then, behind the other work of key, or until ctx ends.
type WorkQueue interface {
	Begin(ctx context.Context, key string, weight int64) (end func(), err error)
}

// BodyOptions are the bounds of all bodies together and of each. A nil pool and
// a nil queue do not bound.
type BodyOptions struct {
	Strangers BytePool      // what has arrived of bodies of callers without an account
	Accounts  BytePool      // the same of callers with one
	Work      WorkQueue     // what handlers make of bodies
	Patience  time.Duration // how long a body may take whatever its size
	Rate      int64         // bytes a second that a body must bring after that
	Longest   time.Duration // how long any body may take, and its answer
}

// Bodies bounds the memory and the time that the bodies of requests take.
type Bodies struct {
	BodyOptions

	mu       sync.Mutex
	arriving map[*body]struct{}
	stopped  bool
}

// NewBodies returns the bounds for the routes of one server.
func NewBodies(o BodyOptions) *Bodies {
	return &Bodies{BodyOptions: o, arriving: map[*body]struct{}{}}
}

// Limit refuses bodies of more than n bytes: at once when Content-Length says
// so, else when reading passes n. The other bounds count while a body is read,
// by what has arrived, and until its request is answered; who sends it is then
// known. The unread rest of a body that was answered early is read and dropped,
// since a client that is still sending would lose the answer with the connection.
func (b *Bodies) Limit(n int64, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.Request.Body == nil || c.Request.Body == http.NoBody {
			return
		}
		limited := &body{
			raw: c.Request.Body, limited: http.MaxBytesReader(c.Writer, c.Request.Body, n), size: n,
			bounds: b, c: c, began: time.Now(),
		}
		defer limited.release()
		c.Request.Body = limited
		if c.Request.ContentLength > n {
			// The rest of the body may stay unread, and then the connection cannot be used again.
			c.Header("Connection", "close")
			fail(c, refuse(models.TooLarge, fmt.Sprintf("the body is larger than %d bytes", n)))
			limited.drain()
			return
		}
		c.Next()
		closing := c.Request.Close && c.Request.ContentLength != 0
		switch {
		case limited.ended() || c.Request.Method == http.MethodGet: // which may be a stream
		case closing || c.Request.ContentLength > serverDrains:
			limited.drain()
		default: // net/http drops the rest
			limited.readUntil(time.Now().Add(drainTime))
		}
	}
}

// Stop ends the reading of bodies that have not arrived, which are answered 503,
// and of those that begin later.
func (b *Bodies) Stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	for open := range b.arriving {
		open.interrupt()
	}
}

// enter registers a body that is being read. ok is false after Stop.
func (b *Bodies) enter(open *body) (ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.stopped {
		b.arriving[open] = struct{}{}
	}
	return !b.stopped
}

func (b *Bodies) leave(open *body) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.arriving, open)
}

func (b *Bodies) isStopped() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stopped
}
