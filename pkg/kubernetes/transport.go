package kubernetes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// errHeaders is the cause of giving up on a watch that never begins.
var errHeaders = fmt.Errorf("no answer to a watch: %w", context.DeadlineExceeded)

// limits bound what a server can cost.
type limits struct {
	request time.Duration // a whole request, streams exempt
	headers time.Duration // until a watch begins
	answer  int64         // bytes of one answer, streams exempt
}

// newTransport returns the one transport of a connection. A hung server is
// found by HTTP/2 pings; conns holds the open connections.
func newTransport(a access, dial dialFunc) (*http.Transport, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: a.serverName}
	cfg.InsecureSkipVerify = a.insecure //nolint:gosec // asked for by the cluster's owner
	if a.caPEM != nil {
		cfg.RootCAs = x509.NewCertPool()
		cfg.RootCAs.AppendCertsFromPEM(a.caPEM)
	}
	if a.certPEM != nil {
		pair, err := tls.X509KeyPair(a.certPEM, a.keyPEM)
		if err != nil {
			return nil, badConfig("clientKeyData", "does not belong to the certificate")
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return &http.Transport{
		// No proxy from the environment: the egress rules are about the
		// address that is dialled, so it has to be the cluster's.
		DialContext:         dial,
		TLSClientConfig:     cfg,
		TLSHandshakeTimeout: 5 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     90 * time.Second,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
	}, nil
}

// guarded limits answers and refuses what no API server says. The header
// keeps ngrok's free tunnels from answering with a page for browsers.
type guarded struct {
	next   http.RoundTripper
	limits limits
	ngrok  bool
}

// RoundTrip sends r under the limits that suit its kind.
func (g *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if g.ngrok {
		r = r.Clone(r.Context())
		r.Header.Set("Ngrok-Skip-Browser-Warning", "true")
	}
	watch, stream := streams(r)
	ctx, cancel := context.WithCancelCause(r.Context())
	timer := g.deadline(cancel, watch, stream)
	resp, err := g.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		timer.stop()
		cancel(nil)
		return nil, causeOf(ctx, err)
	}
	if stream {
		timer.stop()
	}
	resp.Body = &body{ReadCloser: resp.Body, ctx: ctx, left: g.limits.answer, endless: stream, end: func() {
		timer.stop()
		cancel(nil)
	}}
	if err := foreign(resp, stream); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// deadline starts the timer of one request. Logs and upgrades have none: a
// silent pod sends no header for hours.
func (g *guarded) deadline(cancel context.CancelCauseFunc, watch, stream bool) stoppable {
	switch {
	case watch:
		return stoppable{time.AfterFunc(g.limits.headers, func() { cancel(errHeaders) })}
	case stream:
		return stoppable{}
	}
	return stoppable{time.AfterFunc(g.limits.request, func() { cancel(context.DeadlineExceeded) })}
}

type stoppable struct{ *time.Timer }

func (s stoppable) stop() {
	if s.Timer != nil {
		s.Stop()
	}
}

// causeOf prefers why the request was ended over the bare cancellation.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
		return cause
	}
	return err
}

// streams tells a watch, and anything that may flow without end.
func streams(r *http.Request) (watch, stream bool) {
	q := r.URL.Query()
	if q.Get("watch") == "true" || q.Get("watch") == "1" {
		return true, true
	}
	upgrade := strings.EqualFold(r.Header.Get("Connection"), "upgrade")
	return false, upgrade || q.Get("follow") == "true" || strings.HasSuffix(r.URL.Path, "/log")
}

// foreign refuses answers that no API server gives. Redirects would carry
// the credentials elsewhere.
func foreign(resp *http.Response, stream bool) error {
	say := func(r Reason, format string, args ...any) error {
		return &Error{Reason: r, Message: fmt.Sprintf(format, args...)}
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return say(NotKubernetes, "the server redirects elsewhere (%d): this is not the address of a Kubernetes API server", resp.StatusCode)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "text/html" || stream {
		return nil
	}
	switch resp.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return say(Busy, "a proxy in front of the cluster answered %d: the API server is not available", resp.StatusCode)
	case http.StatusUnauthorized:
		return say(Unauthorized, "the server does not accept the credentials")
	}
	return say(NotKubernetes, "the server answers with a web page: this is not the address of a Kubernetes API server")
}

// body ends its request when it is closed and stops reading at its limit.
type body struct {
	io.ReadCloser

	ctx     context.Context //nolint:containedctx // of the one request the body belongs to
	left    int64
	endless bool
	end     func()
}

// Read fails with TooLarge beyond the limit.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = causeOf(b.ctx, err)
	}
	if b.endless {
		return n, err
	}
	if b.left -= int64(n); b.left < 0 {
		return 0, &Error{Reason: TooLarge, Message: "the cluster's answer is larger than this server reads"}
	}
	return n, err
}

// Write passes through to upgraded connections.
func (b *body) Write(p []byte) (int, error) {
	w, ok := b.ReadCloser.(io.Writer)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	return w.Write(p)
}

// Close ends the request.
func (b *body) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

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
