package kubernetes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// errHeaders is the cause of giving up on a watch that never begins.
var errHeaders = fmt.Errorf("no answer to a watch: %w", context.DeadlineExceeded)

const (
	maxHeaders = 256 << 10
	testAnswer = 1 << 20 // of a server that nobody has spoken to yet
)

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

		MaxResponseHeaderBytes: maxHeaders,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
	}, nil
}

// guarded limits answers and refuses what no API server says. The header
// keeps ngrok's free tunnels from answering with a page for browsers.
type guarded struct {
	next   http.RoundTripper
	limits limits
	ngrok  bool
	used   func() // called for each request
}

// RoundTrip sends r under the limits that suit its kind.
func (g *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	g.used()
	if g.ngrok {
		r = r.Clone(r.Context())
		r.Header.Set("Ngrok-Skip-Browser-Warning", "true")
	}
	watch, stream := streams(r)
	ctx, cancel := context.WithCancelCause(r.Context())
	timer := g.deadline(cancel, watch, stream)
	resp, err := g.next.RoundTrip(r.WithContext(ctx))
	if err == nil && ctx.Err() != nil {
		// What a server answers because it was given up on is no answer.
		_ = resp.Body.Close()
		err = ctx.Err()
	}
	if err != nil {
		timer.stop()
		cancel(nil)
		return nil, causeOf(ctx, err)
	}
	if stream {
		timer.stop()
	}
	resp.Body = &body{ReadCloser: resp.Body, ctx: ctx, left: g.most(ctx), endless: stream, end: func() {
		timer.stop()
		cancel(nil)
	}}
	if err := foreign(resp, stream); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// most is how much of an answer is read.
func (g *guarded) most(ctx context.Context) int64 {
	if ctx.Value(eagernessKey{}) == certain {
		return min(testAnswer, g.limits.answer)
	}
	return g.limits.answer
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
	return false, upgrade || q.Get("follow") == "true" || isLog(r.URL.Path)
}

// isLog knows …/namespaces/<namespace>/pods/<name>/log from objects that are
// called log.
func isLog(path string) bool {
	parts := strings.Split(path, "/")
	n := len(parts)
	return n >= 5 && parts[n-1] == "log" && parts[n-3] == "pods" && parts[n-5] == "namespaces"
}
