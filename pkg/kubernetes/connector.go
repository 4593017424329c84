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
	// Dial opens network connections. The default permits loopback and
	// private addresses and refuses link-local and metadata ones.
	Dial           func(ctx context.Context, network, addr string) (net.Conn, error)
	AllowHTTP      bool          // permit http:// servers
	RequestTimeout time.Duration // of one request, streams exempt; 60 s
	MaxAnswer      int64         // bytes of one answer, streams exempt; 64 MiB
	IdleTime       time.Duration // after which an unused connection is forgotten; 10 min
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
	refreshes crew // of tokens

	mu     sync.Mutex
	byID   map[string]held
	old    map[string][]*Connection // replaced, perhaps with requests in flight
	closed bool
}

type held struct {
	version int64
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
	return &Connector{opts: o, byID: make(map[string]held), old: make(map[string][]*Connection)}
}

// Get returns the shared connection of cluster id. load is called only when
// there is none yet for this version of its credentials; it must not block.
// An older connection is then retired: its Done is closed, and requests that
// have begun may finish. Get does no I/O and fails on a bad Config and after
// Close.
func (c *Connector) Get(id string, version int64, load func() (Config, error)) (*Connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errors.New("kubernetes: connector is closed")
	}
	have, ok := c.byID[id]
	if ok && have.version >= version { // a caller with an old record gets the new connection
		have.conn.use()
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
		have.conn.retire()
		c.old[id] = append(slices.DeleteFunc(c.old[id], (*Connection).idle), have.conn)
	}
	c.byID[id] = held{version, fresh}
	fresh.idling = time.AfterFunc(c.opts.IdleTime, func() { c.evict(id, fresh) })
	return fresh, nil
}

// evict forgets conn when it is not in use; who needs it later gets another.
func (c *Connector) evict(id string, conn *Connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID[id].conn != conn {
		return
	}
	if !conn.unused(c.opts.IdleTime) {
		conn.idling.Reset(c.opts.IdleTime)
		return
	}
	delete(c.byID, id)
	conn.retire()
}

// Reach returns Connection.Reach for each cluster that is connected to, by id.
func (c *Connector) Reach() map[string]Reach {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]Reach, len(c.byID))
	for id, have := range c.byID {
		all[id] = have.conn.Reach()
	}
	return all
}

// Endpoint checks the form of cfg, as Config.Check does, under the
// connector's rules, and returns the URL of the server that it leads to.
func (c *Connector) Endpoint(cfg Config) (string, error) {
	cfg.AllowHTTP = c.opts.AllowHTTP
	return cfg.Endpoint()
}

// Open returns a connection that is not shared. The caller closes it with
// Discard.
func (c *Connector) Open(cfg Config) (*Connection, error) {
	cfg.AllowHTTP = c.opts.AllowHTTP
	return open(cfg, c.opts.Dial, limits{
		request: c.opts.RequestTimeout, headers: min(watchHeaders, c.opts.RequestTimeout), answer: c.opts.MaxAnswer,
	}, &c.refreshes)
}

// Discard ends a connection that Open returned.
func (c *Connector) Discard(conn *Connection) {
	conn.retire()
	conn.cut()
}

// Forget ends the connection of a cluster that is gone, with all requests.
func (c *Connector) Forget(id string) {
	c.mu.Lock()
	have, ok := c.byID[id]
	old := c.old[id]
	delete(c.byID, id)
	delete(c.old, id)
	c.mu.Unlock()
	if ok {
		c.Discard(have.conn)
	}
	for _, conn := range old {
		conn.cut()
	}
}

// Close ends all connections, with all requests. A refresh of a token that has
// begun comes to its end first, which takes some seconds at most: the issuer's
// answer may be all that is left of a login.
func (c *Connector) Close() {
	c.mu.Lock()
	all, old := c.byID, c.old
	c.closed, c.byID, c.old = true, nil, nil
	c.mu.Unlock()
	for _, have := range all {
		c.Discard(have.conn)
	}
	for _, conns := range old {
		for _, conn := range conns {
			conn.cut()
		}
	}
	c.refreshes.end()
}
