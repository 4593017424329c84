package kubernetes

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

// Connection is everything needed to talk to one cluster as one identity. It
// is shared: all clients use one transport. Their rate is limited only where
// the server does not share itself out fairly, and while the cluster is out of
// reach their calls fail at once. Every method is safe for concurrent use, and every call that reaches
// the cluster ends with its context, or after the request limit of the
// Connector, except streams, which end with their context.
//
// A Connection outlives a change of credentials only for requests that have
// begun; long-lived users watch Done and ask their Connector again.
type Connection struct {
	access    access
	config    *rest.Config
	transport *http.Transport
	conns     *conns
	mapper    *mapper
	dynamic   dynamic.Interface
	metadata  metadata.Interface
	typed     kubernetes.Interface
	discovery discovery.DiscoveryInterfaceWithContext
	breaker   *breaker
	tokens    *idTokens // nil unless the login is by OIDC
	dial      dialFunc
	used      atomic.Int64 // when it was last asked for or called, in Unix nanoseconds
	idling    *time.Timer  // nil unless shared
	done      chan struct{}
}

// open builds a connection; it does no I/O.
func open(cfg Config, dial dialFunc, lim limits, refreshes *crew) (*Connection, error) {
	a, err := cfg.resolve()
	if err != nil {
		return nil, err
	}
	c := &Connection{access: a, conns: newConns(), done: make(chan struct{})}
	c.dial = c.conns.dial(dial)
	if c.transport, err = newTransport(a, c.dial); err != nil {
		return nil, err
	}
	c.config = a.rest()
	c.config.TLSClientConfig = rest.TLSClientConfig{} // the transport has it
	c.config.WarningHandler = rest.NoWarnings{}
	var sent http.RoundTripper = newPace(&guarded{next: c.transport, limits: lim, ngrok: strings.Contains(a.server, "ngrok"), used: c.use})
	if a.oidc != nil {
		c.tokens = newIDTokens(a.oidc, dial, refreshes)
		sent = &oidcAuth{tokens: c.tokens, next: sent}
	}
	c.breaker = newBreaker(sent, lim)
	c.config.Transport = c.breaker
	c.use()
	return c, c.clients()
}

func (c *Connection) clients() error {
	client, err := rest.HTTPClientFor(c.config)
	if err != nil {
		return err
	}
	if c.dynamic, err = dynamic.NewForConfigAndClient(c.config, client); err != nil {
		return err
	}
	if c.metadata, err = metadata.NewForConfigAndClient(c.config, client); err != nil {
		return err
	}
	protobuf := rest.CopyConfig(c.config)
	protobuf.ContentType = "application/vnd.kubernetes.protobuf"
	protobuf.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	if c.typed, err = kubernetes.NewForConfigAndClient(protobuf, client); err != nil {
		return err
	}
	kinds, err := discovery.NewDiscoveryClientForConfigAndClient(c.config, client)
	if err != nil {
		return err
	}
	c.discovery = kinds
	c.mapper = newMapper(kinds)
	return nil
}

// Dynamic returns the client for objects of any kind.
func (c *Connection) Dynamic() dynamic.Interface { return c.dynamic }

// Metadata returns the client that reads and writes metadata only.
func (c *Connection) Metadata() metadata.Interface { return c.metadata }

// Typed returns the client for built-in kinds; it reads protobuf.
func (c *Connection) Typed() kubernetes.Interface { return c.typed }

// Upgrade returns a configuration for client-go's own transports, with the
// credentials inside, for protocols that upgrade their connection. What they
// dial ends with c like everything else. It asks for a token when the login is
// by OIDC.
func (c *Connection) Upgrade(ctx context.Context) (*rest.Config, error) {
	c.use()
	cfg := c.access.rest()
	cfg.Dial = c.dial
	if c.tokens == nil {
		return cfg, nil
	}
	var err error
	cfg.BearerToken, err = c.tokens.get(ctx)
	return cfg, c.Err(err)
}

// Reach tells whether the cluster could be reached lately. It does no I/O.
func (c *Connection) Reach() Reach { return c.breaker.state() }

// Done is closed when the connection has been replaced or forgotten.
func (c *Connection) Done() <-chan struct{} { return c.done }

// Mapping finds the resource and scope of a kind, asking the cluster again
// when it is unknown. The error is of reason UnknownKind when the cluster has
// no such kind.
func (c *Connection) Mapping(ctx context.Context, gvk schema.GroupVersionKind) (*meta.RESTMapping, error) {
	var versions []string
	if gvk.Version != "" && gvk.Version != AnyVersion {
		versions = append(versions, gvk.Version)
	}
	m, err := c.mapper.mapping(ctx, gvk.GroupKind(), versions...)
	return m, c.Err(err)
}

// AnyVersion in place of a version stands for the one that the cluster prefers.
const AnyVersion = "*"

// ResolveGVK returns the version of a kind that the cluster prefers, and
// whether its objects live in namespaces.
func (c *Connection) ResolveGVK(ctx context.Context, group, kind string) (gvk schema.GroupVersionKind, namespaced bool, err error) {
	m, err := c.Mapping(ctx, schema.GroupVersionKind{Group: group, Kind: kind})
	if err != nil {
		return gvk, false, err
	}
	return m.GroupVersionKind, m.Scope.Name() == meta.RESTScopeNameNamespace, nil
}

// RESTMapper returns what is known of the cluster's kinds, reading them when
// they are not known yet.
func (c *Connection) RESTMapper(ctx context.Context) (meta.RESTMapper, error) {
	m, err := c.mapper.rest(ctx)
	return m, c.Err(err)
}

// Err translates err into an *Error whose message holds none of the
// connection's credentials, even when the server sent them back. It returns
// nil for nil.
func (c *Connection) Err(err error) error {
	e := Translate(err)
	if e == nil {
		return nil
	}
	for _, s := range c.secrets() {
		if strings.Contains(e.Message, s) {
			copied := *e
			copied.Message = strings.ReplaceAll(e.Message, s, "[secret]")
			e = &copied
		}
	}
	return e
}

func (c *Connection) secrets() []string {
	if c.tokens == nil {
		return c.access.secrets()
	}
	return c.tokens.secrets()
}

func (c *Connection) use() { c.used.Store(time.Now().UnixNano()) }

// unused reports whether nobody has had anything to do with c for so long.
func (c *Connection) unused(long time.Duration) bool {
	return c.idle() && time.Since(time.Unix(0, c.used.Load())) >= long
}

// retire lets begun requests finish and keeps nothing idle.
func (c *Connection) retire() {
	if c.idling != nil {
		c.idling.Stop()
	}
	close(c.done)
	c.transport.CloseIdleConnections()
}

// idle reports whether nothing is open that cut would have to end.
func (c *Connection) idle() bool { return c.conns.none() }

// cut ends everything at once.
func (c *Connection) cut() {
	if c.tokens != nil {
		c.tokens.end()
	}
	c.transport.CloseIdleConnections()
	c.conns.close()
}
