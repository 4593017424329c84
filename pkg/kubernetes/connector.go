package kubernetes

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/kubeorch/core/pkg/egress"
)

// Options tune a Connector. Zero values mean the defaults named here.
type Options struct {
	// Dial opens network connections. The default allows loopback and private
	// addresses and refuses link-local and metadata ones.
	Dial           func(ctx context.Context, network, addr string) (net.Conn, error)
	AllowHTTP      bool          // permit http:// servers
	RequestTimeout time.Duration // of one request, except streams; 60 s
	MaxAnswer      int64         // bytes of one response, except streams; 64 MiB
	IdleTime       time.Duration // after which an unused connection is closed; 10 min
}

const (
	defaultRequestTimeout = 60 * time.Second
	defaultMaxAnswer      = 64 << 20
	defaultIdleTime       = 10 * time.Minute
	watchHeaders          = 30 * time.Second
)

// Connector keeps one Connection for each cluster. It is safe for concurrent
// use.
type Connector struct {
	opts      Options
	refreshes background // of ID tokens

	mu       sync.Mutex
	byID     map[string]sharedConnection
	replaced map[string][]*Connection // by newer ones, perhaps with requests in flight
	closed   bool
}

type sharedConnection struct {
	version int64 // of the credentials
	conn    *Connection
}

// NewConnector returns an empty connector.
func NewConnector(o Options) *Connector {
	if o.Dial == nil {
		o.Dial = egress.New(egress.Options{AllowLoopback: true, AllowPrivate: true}).DialContext
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = defaultRequestTimeout
	}
	if o.MaxAnswer == 0 {
		o.MaxAnswer = defaultMaxAnswer
	}
	if o.IdleTime == 0 {
		o.IdleTime = defaultIdleTime
	}
	return &Connector{opts: o, byID: make(map[string]sharedConnection), replaced: make(map[string][]*Connection)}
}

// Get returns the shared connection of cluster id. It calls load, which must not
// block, when there is none for this version of the credentials. It retires a
// connection with an older version: that one's Done is closed, and requests that
// have begun may finish. Get does no I/O. It fails on a bad Config and after
// Close.
func (c *Connector) Get(id string, version int64, load func() (Config, error)) (*Connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errors.New("kubernetes: connector is closed")
	}
	have, ok := c.byID[id]
	if ok && have.version >= version { // a caller with an old record gets the new connection
		have.conn.markUsed()
		return have.conn, nil
	}
	cfg, err := load()
	if err != nil {
		return nil, err
	}
	fresh, err := c.Open(cfg)
	if err != nil {
		return nil, err
	}
	if ok {
		c.retire(id, have.conn)
	}
	c.byID[id] = sharedConnection{version, fresh}
	fresh.idleTimer = time.AfterFunc(c.opts.IdleTime, func() { c.evict(id, fresh) })
	return fresh, nil
}

// Retire retires the connection of a cluster, as Get does, if its credentials are
// older than version. A later Get opens another.
func (c *Connector) Retire(id string, version int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if have, ok := c.byID[id]; ok && have.version < version {
		delete(c.byID, id)
		c.retire(id, have.conn)
	}
}

// retire keeps conn until its requests have ended. c.mu must be held.
func (c *Connector) retire(id string, conn *Connection) {
	conn.retire()
	c.replaced[id] = append(slices.DeleteFunc(c.replaced[id], (*Connection).idle), conn)
}

// evict drops conn unless it is in use. A later Get opens another.
func (c *Connector) evict(id string, conn *Connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID[id].conn != conn {
		return
	}
	if !conn.unusedFor(c.opts.IdleTime) {
		conn.idleTimer.Reset(c.opts.IdleTime)
		return
	}
	delete(c.byID, id)
	conn.retire()
}

// Reach returns Connection.Reach of each shared connection by cluster id.
func (c *Connector) Reach() map[string]Reach {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]Reach, len(c.byID))
	for id, have := range c.byID {
		all[id] = have.conn.Reach()
	}
	return all
}

// Endpoint checks cfg, as Config.Check does, with the connector's options, and
// returns the URL of its server.
func (c *Connector) Endpoint(cfg Config) (string, error) {
	cfg.AllowHTTP = c.opts.AllowHTTP
	return cfg.Endpoint()
}

// Open returns a connection that is not shared. The caller must close it with
// Discard.
func (c *Connector) Open(cfg Config) (*Connection, error) {
	cfg.AllowHTTP = c.opts.AllowHTTP
	return open(cfg, c.opts.Dial, limits{
		request: c.opts.RequestTimeout, headers: min(watchHeaders, c.opts.RequestTimeout), answer: c.opts.MaxAnswer,
	}, &c.refreshes)
}

// Discard closes a connection that Open has returned.
func (c *Connector) Discard(conn *Connection) {
	conn.retire()
	conn.abort()
}

// Forget closes the connections of a cluster, with all their requests.
func (c *Connector) Forget(id string) {
	c.mu.Lock()
	have, ok := c.byID[id]
	old := c.replaced[id]
	delete(c.byID, id)
	delete(c.replaced, id)
	c.mu.Unlock()
	if ok {
		c.Discard(have.conn)
	}
	for _, conn := range old {
		conn.abort()
	}
}

// Close closes all connections, with all their requests. It waits some seconds at
// most for refreshes of ID tokens that have begun: a refresh token that the
// issuer has replaced must be stored.
func (c *Connector) Close() {
	c.mu.Lock()
	all, old := c.byID, c.replaced
	c.closed, c.byID, c.replaced = true, nil, nil
	c.mu.Unlock()
	for _, have := range all {
		c.Discard(have.conn)
	}
	for _, conns := range old {
		for _, conn := range conns {
			conn.abort()
		}
	}
	c.refreshes.close()
}

// background runs functions that are awaited at close even if nobody waits for
// their results. It is safe for concurrent use.
type background struct {
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// start runs f in a goroutine and returns true, or returns false after close.
func (b *background) start(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.running.Go(f)
	return true
}

// close waits until all functions have returned.
func (b *background) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.running.Wait()
}
