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

// errNoHeaders ends a watch that does not begin in time.
var errNoHeaders = fmt.Errorf("no answer to a watch: %w", context.DeadlineExceeded)

const (
	maxHeaders   = 256 << 10
	maxTestBytes = 1 << 20 // of a response to Connection.Test, whose server is not known to be a cluster
)

// limits bound the time and the memory that a server can take.
type limits struct {
	request time.Duration // for a whole request, except streams
	headers time.Duration // until a watch begins
	answer  int64         // bytes of one response, except streams
}

// tlsConfig returns the settings of secure connections to the server.
func tlsConfig(a access) (*tls.Config, error) {
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
	return cfg, nil
}

// newTransport returns the HTTP transport of a connection. HTTP/2 pings detect a
// server that hangs.
func newTransport(a access, dial dialFunc) (*http.Transport, error) {
	cfg, err := tlsConfig(a)
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		// No proxy from the environment: dial checks the address that is
		// dialled, so that has to be the cluster's.
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

// boundedTransport limits the time and size of responses and refuses responses
// that no API server gives. For ngrok it adds the header that keeps free tunnels
// from answering with a page for browsers.
type boundedTransport struct {
	next   http.RoundTripper
	limits limits
	ngrok  bool
	used   func() // is called for each request
}

// RoundTrip sends r under the limits that suit its kind.
func (t *boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.used()
	if t.ngrok {
		r = r.Clone(r.Context())
		r.Header.Set("Ngrok-Skip-Browser-Warning", "true")
	}
	watch, stream := streamKind(r)
	if watch {
		// A decompressor takes 40 KB for as long as the watch lasts.
		r = r.Clone(r.Context())
		r.Header.Set("Accept-Encoding", "identity")
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	timer := t.deadline(cancel, watch, stream)
	resp, err := t.next.RoundTrip(r.WithContext(ctx))
	if err == nil && ctx.Err() != nil {
		// The response came only because the request was ended.
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
	resp.Body = &responseBody{ReadCloser: resp.Body, ctx: ctx, remaining: t.maxBytes(ctx), unlimited: stream, end: func() {
		timer.stop()
		cancel(nil)
	}}
	if err := checkResponse(resp, stream); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// maxBytes returns the limit of the response to a request with ctx.
func (t *boundedTransport) maxBytes(ctx context.Context) int64 {
	if probingOf(ctx) == probeAlways {
		return min(maxTestBytes, t.limits.answer)
	}
	return t.limits.answer
}

// deadline starts the timer of one request. Logs and upgraded connections have
// none, since a silent pod sends no header for hours.
func (t *boundedTransport) deadline(cancel context.CancelCauseFunc, watch, stream bool) optionalTimer {
	switch {
	case watch:
		return optionalTimer{time.AfterFunc(t.limits.headers, func() { cancel(errNoHeaders) })}
	case stream:
		return optionalTimer{}
	}
	return optionalTimer{time.AfterFunc(t.limits.request, func() { cancel(context.DeadlineExceeded) })}
}

// optionalTimer is a timer or none.
type optionalTimer struct{ *time.Timer }

func (s optionalTimer) stop() {
	if s.Timer != nil {
		s.Stop()
	}
}

// causeOf returns the cause of a cancellation in place of context.Canceled.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
		return cause
	}
	return err
}

// streamKind reports whether r is a watch, and whether its response is a stream
// of any kind.
func streamKind(r *http.Request) (watch, stream bool) {
	q := r.URL.Query()
	if q.Get("watch") == "true" || q.Get("watch") == "1" {
		return true, true
	}
	upgrade := strings.EqualFold(r.Header.Get("Connection"), "upgrade")
	return false, upgrade || q.Get("follow") == "true" || isLog(r.URL.Path)
}

// isLog reports whether path is …/namespaces/<namespace>/pods/<name>/log, as
// opposed to that of an object named log.
func isLog(path string) bool {
	parts := strings.Split(path, "/")
	n := len(parts)
	return n >= 5 && parts[n-1] == "log" && parts[n-3] == "pods" && parts[n-5] == "namespaces"
}
