// Package pipe is a network connection between two goroutines of one process.
//
// Unlike net.Pipe it buffers, so that a writer does not have to wait until the
// reader has come round, and a request and its answer cost two wake-ups.
package pipe

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// maxBuffered is how much a writer may be ahead of its reader.
	maxBuffered = 1 << 20
	// keepBuffer is the largest empty buffer that is kept for the next message.
	keepBuffer = 64 << 10
)

// New returns the two ends of a connection. Both are safe for concurrent use.
// Closing one end lets the other read what was written before and then gives
// it io.EOF; its writes fail with io.ErrClosedPipe.
func New() (a, b *Conn) {
	ab, ba := newHalf(), newHalf()
	return &Conn{in: ba, out: ab}, &Conn{in: ab, out: ba}
}

// Conn is one end of a connection made by New.
type Conn struct {
	in, out *half
}

var _ net.Conn = (*Conn)(nil)

// Read waits for data, the peer's close, a deadline or Close.
func (c *Conn) Read(p []byte) (int, error) { return c.in.read(p) }

// Write copies p; it waits only when the peer is far behind.
func (c *Conn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close ends both directions. It may be called more than once.
func (c *Conn) Close() error {
	c.in.closeRead()
	c.out.closeWrite()
	return nil
}

// OnPeerClose has fn called once, from the goroutine that closes the peer.
// It must be set before the peer is used.
func (c *Conn) OnPeerClose(fn func()) { c.in.onClose = fn }

// LocalAddr names the connection; there is no address.
func (c *Conn) LocalAddr() net.Addr { return addr{} }

// RemoteAddr names the connection; there is no address.
func (c *Conn) RemoteAddr() net.Addr { return addr{} }

// SetDeadline sets both deadlines. It also moves those of waiting calls.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline fails reads from t on with os.ErrDeadlineExceeded.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.readDeadline, t, c.in.readable)
	return nil
}

// SetWriteDeadline fails writes from t on with os.ErrDeadlineExceeded.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.writeDeadline, t, c.out.writable)
	return nil
}

type addr struct{}

func (addr) Network() string { return "memory" }
func (addr) String() string  { return "memory" }

// half is one direction. Waiters sleep on a channel of capacity one and look
// again at the state after every wake-up, so a spurious signal does no harm.
type half struct {
	mu            sync.Mutex
	buf           []byte
	off           int
	readClosed    bool
	writeClosed   bool
	readDeadline  time.Time
	writeDeadline time.Time
	readable      chan struct{}
	writable      chan struct{}
	onClose       func()
}

func newHalf() *half {
	return &half{readable: make(chan struct{}, 1), writable: make(chan struct{}, 1)}
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

func (h *half) read(p []byte) (int, error) {
	for {
		n, deadline, err := h.tryRead(p)
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		wait(h.readable, deadline)
	}
}

// tryRead returns 0 and nil when there is nothing to read yet.
func (h *half) tryRead(p []byte) (int, time.Time, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.readClosed:
		signal(h.readable)
		return 0, time.Time{}, io.ErrClosedPipe
	case expired(h.readDeadline):
		signal(h.readable)
		return 0, time.Time{}, os.ErrDeadlineExceeded
	case len(h.buf) == h.off && h.writeClosed:
		signal(h.readable)
		return 0, time.Time{}, io.EOF
	}
	n := copy(p, h.buf[h.off:])
	h.off += n
	if h.off == len(h.buf) {
		h.reset()
	} else {
		signal(h.readable)
	}
	if n > 0 {
		signal(h.writable)
	}
	return n, h.readDeadline, nil
}

func (h *half) reset() {
	h.off = 0
	if cap(h.buf) > keepBuffer {
		h.buf = nil
		return
	}
	h.buf = h.buf[:0]
}

func (h *half) write(p []byte) (int, error) {
	var done int
	for {
		n, deadline, err := h.tryWrite(p[done:])
		done += n
		if done == len(p) || err != nil {
			return done, err
		}
		wait(h.writable, deadline)
	}
}

func (h *half) tryWrite(p []byte) (int, time.Time, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.writeClosed || h.readClosed:
		signal(h.writable)
		return 0, time.Time{}, io.ErrClosedPipe
	case expired(h.writeDeadline):
		signal(h.writable)
		return 0, time.Time{}, os.ErrDeadlineExceeded
	}
	n := min(len(p), maxBuffered-(len(h.buf)-h.off))
	if n > 0 {
		if h.off > 0 && len(h.buf)+n > cap(h.buf) {
			h.buf = h.buf[:copy(h.buf, h.buf[h.off:])]
			h.off = 0
		}
		h.buf = append(h.buf, p[:n]...)
		signal(h.readable)
	}
	return n, h.writeDeadline, nil
}

func (h *half) closeRead() {
	h.mu.Lock()
	h.readClosed = true
	h.buf, h.off = nil, 0
	h.mu.Unlock()
	signal(h.readable)
	signal(h.writable)
}

func (h *half) closeWrite() {
	h.mu.Lock()
	first := !h.writeClosed
	h.writeClosed = true
	h.mu.Unlock()
	signal(h.readable)
	signal(h.writable)
	if first && h.onClose != nil {
		h.onClose()
	}
}

func (h *half) setDeadline(field *time.Time, t time.Time, ch chan struct{}) {
	h.mu.Lock()
	*field = t
	h.mu.Unlock()
	signal(ch)
}

func expired(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

// wait returns after a signal on ch or at the deadline. The timer exists only
// while somebody sleeps: most calls find their data ready.
func wait(ch chan struct{}, deadline time.Time) {
	if deadline.IsZero() {
		<-ch
		return
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-ch:
	case <-timer.C:
	}
}
