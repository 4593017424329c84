package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// DialFunc opens network connections, as Guard.DialContext does.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// ClientOptions tune a client. Zero values mean the defaults named here.
type ClientOptions struct {
	Timeout      time.Duration  // of a whole exchange, its redirects and body included; 10 s
	MaxAnswer    int64          // bytes of one answer's body; 1 MiB
	MaxRedirects int            // followed ones; 0: none, the redirect itself is the answer
	RootCAs      *x509.CertPool // nil: the system's
	AllowHTTP    bool           // permit http:// URLs, also in redirects
}

const (
	defaultClientTimeout = 10 * time.Second
	defaultMaxAnswer     = 1 << 20
	maxHeader            = 64 << 10
)

// ErrTooLarge is what reading a body beyond ClientOptions.MaxAnswer fails
// with.
var ErrTooLarge = errors.New("the answer is larger than this server reads")

// Client returns an HTTP client that connects through the guard alone, each
// redirect included. It is safe for concurrent use; CloseIdleConnections ends
// what it keeps open.
func (g *Guard) Client(o ClientOptions) *http.Client { return NewClient(g.DialContext, o) }

// NewClient is Guard.Client for another way to dial. A redirect is followed
// only as often as o says, never from https to http, and to another host only
// without a body: what a form carries, perhaps a secret, stays with its host.
func NewClient(dial DialFunc, o ClientOptions) *http.Client {
	if o.Timeout == 0 {
		o.Timeout = defaultClientTimeout
	}
	if o.MaxAnswer == 0 {
		o.MaxAnswer = defaultMaxAnswer
	}
	return &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: o.redirect,
		Transport: &bounded{opts: o, next: &http.Transport{
			// No proxy from the environment: the rules are about the address
			// that is dialled, so it has to be the one that was asked for.
			DialContext:            dial,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
			TLSHandshakeTimeout:    5 * time.Second,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: maxHeader,
		}},
	}
}

func (o ClientOptions) redirect(next *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	switch {
	case o.MaxRedirects == 0:
		return http.ErrUseLastResponse
	case len(via) > o.MaxRedirects:
		return fmt.Errorf("egress: more than %d redirects", o.MaxRedirects)
	case last.URL.Scheme == "https" && next.URL.Scheme != "https":
		return errors.New("egress: a redirect leads from https to " + next.URL.Scheme)
	case next.Body != nil && next.Body != http.NoBody && next.URL.Host != first.URL.Host:
		return errors.New("egress: a redirect would carry a form to another host")
	}
	return nil
}

// bounded refuses URLs that are no web addresses and ends bodies that are too
// large.
type bounded struct {
	opts ClientOptions
	next *http.Transport
}

// RoundTrip sends r unless its URL is refused.
func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && (r.URL.Scheme != "http" || !b.opts.AllowHTTP) {
		return nil, fmt.Errorf("egress: %q is not an allowed scheme", r.URL.Scheme)
	}
	resp, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &limited{ReadCloser: resp.Body, left: b.opts.MaxAnswer}
	return resp, nil
}

// CloseIdleConnections lets http.Client's method of that name work.
func (b *bounded) CloseIdleConnections() { b.next.CloseIdleConnections() }

type limited struct {
	io.ReadCloser

	left int64
}

// Read fails with ErrTooLarge beyond the limit.
func (l *limited) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}
