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
	Timeout      time.Duration  // of a whole exchange, including redirects and body; 10 s
	MaxAnswer    int64          // bytes of one response body; 1 MiB
	MaxRedirects int            // to follow; 0 returns the redirect itself as the response
	RootCAs      *x509.CertPool // nil means the system's
	AllowHTTP    bool           // permit http:// URLs, also in redirects
}

const (
	defaultClientTimeout = 10 * time.Second
	defaultMaxAnswer     = 1 << 20
	maxHeader            = 64 << 10
)

// ErrTooLarge is the error of reading a body beyond ClientOptions.MaxAnswer.
var ErrTooLarge = errors.New("the answer is larger than this server reads")

// Client returns an HTTP client that connects through the guard only, also when
// it follows a redirect. It is safe for concurrent use; CloseIdleConnections
// closes the connections that it keeps open.
func (g *Guard) Client(o ClientOptions) *http.Client { return NewClient(g.DialContext, o) }

// NewClient is Guard.Client with another dial function. The client follows
// redirects as often as o says, never from https to http, and to another host
// only without a request body, since a form may carry a secret.
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
		Transport: &boundedTransport{opts: o, next: &http.Transport{
			// No proxy from the environment: the guard checks the address that
			// is dialled, so that has to be the one of the URL.
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

// boundedTransport refuses URLs of other schemes than http and https, and limits
// response bodies.
type boundedTransport struct {
	opts ClientOptions
	next *http.Transport
}

// RoundTrip sends r unless its URL is refused.
func (t *boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && (r.URL.Scheme != "http" || !t.opts.AllowHTTP) {
		return nil, fmt.Errorf("egress: %q is not an allowed scheme", r.URL.Scheme)
	}
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: t.opts.MaxAnswer}
	return resp, nil
}

// CloseIdleConnections implements what http.Client.CloseIdleConnections calls.
func (t *boundedTransport) CloseIdleConnections() { t.next.CloseIdleConnections() }

// boundedBody is a response body of limited size.
type boundedBody struct {
	io.ReadCloser

	left int64
}

// Read fails with ErrTooLarge beyond the limit.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}
