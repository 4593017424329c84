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

// Connection holds the clients of one cluster and identity. They share one
// transport, which limits their rate unless the API server does so by priority
// and fairness, and fails their calls at once while the cluster is out of reach.
// Every method is safe for concurrent use. Every request ends with its context,
// and except for streams after Options.RequestTimeout at the latest.
//
// After a change of credentials a Connection only finishes requests that have
// begun; long-lived users watch Done and ask their Connector for a new one.
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
	lastUsed  atomic.Int64 // when Get returned it or a request was sent, in Unix nanoseconds
	idleTimer *time.Timer  // nil unless shared
	done      chan struct{}
}

// open builds a connection; it does no I/O.
func open(cfg Config, dial dialFunc, lim limits, refreshes *background) (*Connection, error) {
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
	c.config.WarningHandlerWithContext = contextWarnings{}
	var sent http.RoundTripper = newRateLimitTransport(permitTransport{
		&boundedTransport{next: c.transport, limits: lim, ngrok: strings.Contains(a.server, "ngrok"), used: c.markUsed},
	})
	if a.oidc != nil {
		c.tokens = newIDTokens(a.oidc, dial, refreshes)
		sent = &oidcTransport{tokens: c.tokens, next: sent}
	}
	c.breaker = newBreaker(sent, lim)
	c.config.Transport = c.breaker
	c.markUsed()
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

// Typed returns the client for built-in kinds, which uses protobuf.
func (c *Connection) Typed() kubernetes.Interface { return c.typed }

// Upgrade returns a configuration with credentials for client-go's own
// transports, for protocols that upgrade their connection. Connections that they
// dial are closed with c. It asks the issuer for a token if the login is by OIDC.
func (c *Connection) Upgrade(ctx context.Context) (*rest.Config, error) {
	c.markUsed()
	cfg := c.access.rest()
	cfg.Dial = c.dial
	if c.tokens == nil {
		return cfg, nil
	}
	var err error
	cfg.BearerToken, err = c.tokens.get(ctx)
	return cfg, c.Err(err)
}

// Reach tells whether recent calls have reached the cluster. It does no I/O.
func (c *Connection) Reach() Reach { return c.breaker.state() }

// Done is closed when the connection is replaced or closed.
func (c *Connection) Done() <-chan struct{} { return c.done }

// Mapping returns the resource and scope of a kind. It reads the cluster's kinds
// anew for an unknown one. The error has the reason UnknownKind when the cluster
// has no such kind.
func (c *Connection) Mapping(ctx context.Context, gvk schema.GroupVersionKind) (*meta.RESTMapping, error) {
	var versions []string
	if gvk.Version != "" && gvk.Version != AnyVersion {
		versions = append(versions, gvk.Version)
	}
	m, err := c.mapper.mapping(ctx, gvk.GroupKind(), versions...)
	return m, c.Err(err)
}

// AnyVersion stands for the version of a kind that the cluster prefers.
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

// RESTMapper returns the cluster's kinds, which it reads at the first call.
func (c *Connection) RESTMapper(ctx context.Context) (meta.RESTMapper, error) {
	m, err := c.mapper.rest(ctx)
	return m, c.Err(err)
}

// Err translates err into an *Error and hides credentials of the connection that
// the server repeats in its message. It returns nil for nil.
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

func (c *Connection) markUsed() { c.lastUsed.Store(time.Now().UnixNano()) }

// unusedFor reports whether c has no open connection and was last used at least
// d ago.
func (c *Connection) unusedFor(d time.Duration) bool {
	return c.idle() && time.Since(time.Unix(0, c.lastUsed.Load())) >= d
}

// retire closes Done and idle connections; requests that have begun may finish.
func (c *Connection) retire() {
	if c.idleTimer != nil {
		c.idleTimer.Stop()
	}
	close(c.done)
	c.transport.CloseIdleConnections()
}

// idle reports whether no network connection is open.
func (c *Connection) idle() bool { return c.conns.isEmpty() }

// abort ends all requests and closes all connections.
func (c *Connection) abort() {
	if c.tokens != nil {
		c.tokens.close()
	}
	c.transport.CloseIdleConnections()
	c.conns.close()
}
