package e2e

import (
	"bytes"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// link is a network connection that can fail: what connects to its address
// reaches the target, unless the test disturbs it. It is safe for concurrent use.
type link struct {
	address string
	ln      net.Listener
	wg      sync.WaitGroup // of the goroutines

	mu      sync.Mutex
	target  string
	made    int // connections so far
	fault   fault
	changed chan struct{} // closed when fault changes
	conns   map[*linkConn]struct{}
	closed  bool
}

// fault is what is wrong with a link. The zero value is nothing.
type fault struct {
	cut   bool          // no connection lives
	hangs bool          // nothing gets through, in neither direction
	delay time.Duration // before each part of what is sent, in both directions
	lose  string        // the answer to the next request with this text is lost, and its connection
}

// linkConn is a connection through a link.
type linkConn struct {
	near, far net.Conn
	loses     atomic.Bool   // the next answer is lost
	ended     chan struct{} // closed with the connection
	end       sync.Once
}

// newLink returns a link to target, which may be set later. It ends with the test.
func newLink(t *testing.T, target string) *link {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &link{address: ln.Addr().String(), ln: ln, target: target, changed: make(chan struct{}), conns: map[*linkConn]struct{}{}}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	l.wg.Go(func() { l.serve(ctx) })
	t.Cleanup(func() {
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		stop()
		require.NoError(t, ln.Close())
		l.reset()
		l.wg.Wait()
	})
	return l
}

// to leads further connections to another target.
func (l *link) to(target string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target = target
}

// cut resets all connections, and further ones at once, until restore.
func (l *link) cut() { l.set(fault{cut: true}); l.reset() }

// hang lets nothing through until restore. Connections stay, and can be made.
func (l *link) hang() { l.set(fault{hangs: true}) }

// delay makes everything arrive later until restore.
func (l *link) delay(by time.Duration) { l.set(fault{delay: by}) }

// loseAnswer lets the next request that holds text arrive, and ends its connection
// in place of the answer.
func (l *link) loseAnswer(text string) { l.set(fault{lose: text}) }

// restore makes everything well.
func (l *link) restore() { l.set(fault{}) }

func (l *link) set(f fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = f
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *link) now() (fault, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fault, l.changed
}

// lost reports whether the answer of loseAnswer has been lost.
func (l *link) lost() bool { f, _ := l.now(); return f.lose == "" }

// connections returns how many connections have been made so far.
func (l *link) connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.made
}

// reset resets the connections that there are.
func (l *link) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.close()
	}
}

func (l *link) serve(ctx context.Context) {
	for {
		near, err := l.ln.Accept()
		if err != nil {
			return
		}
		l.wg.Go(func() { l.connect(ctx, near) })
	}
}

func (l *link) connect(ctx context.Context, near net.Conn) {
	c := &linkConn{near: near, ended: make(chan struct{})}
	l.mu.Lock()
	target := l.target
	l.mu.Unlock()
	var d net.Dialer
	far, err := d.DialContext(ctx, "tcp", target)
	if err != nil {
		c.close()
		return
	}
	c.far = far
	defer c.close()
	l.mu.Lock()
	if l.fault.cut || l.closed {
		l.mu.Unlock()
		return
	}
	l.conns[c] = struct{}{}
	l.made++
	l.mu.Unlock()
	l.wg.Go(func() { l.copy(c, c.far, c.near, l.sendAnswer) })
	l.copy(c, c.near, c.far, l.sendRequest)
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
}

// copy passes on what arrives, as far as may lets it.
func (l *link) copy(c *linkConn, from, to net.Conn, may func(*linkConn, []byte) bool) {
	defer c.close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil || !l.wait(c) || !may(c, buf[:n]) {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// wait returns when something may pass, and false when the connection has ended.
func (l *link) wait(c *linkConn) bool {
	f, changed := l.now()
	var arrived <-chan time.Time
	if f.delay > 0 {
		arrived = time.After(f.delay)
	}
	for f.hangs {
		select {
		case <-changed:
			f, changed = l.now()
		case <-c.ended:
			return false
		}
	}
	if arrived != nil {
		select {
		case <-arrived:
		case <-c.ended:
			return false
		}
	}
	return true
}

func (l *link) sendRequest(c *linkConn, part []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault.lose != "" && bytes.Contains(part, []byte(l.fault.lose)) {
		l.fault.lose = ""
		c.loses.Store(true)
	}
	return true
}

func (l *link) sendAnswer(c *linkConn, _ []byte) bool { return !c.loses.Load() }

// close resets both sides.
func (c *linkConn) close() {
	c.end.Do(func() {
		close(c.ended)
		for _, side := range []net.Conn{c.near, c.far} {
			if tcp, ok := side.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
				_ = tcp.Close()
			}
		}
	})
}
