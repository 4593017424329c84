package kubernetes

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	gorilla "github.com/gorilla/websocket"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	spdytransport "k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/transport/websocket"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
	"k8s.io/streaming/pkg/httpstream/wsstream"
)

const (
	// handshakeTime bounds the making of an upgraded connection.
	handshakeTime = 20 * time.Second
	// spdyPing is how often a SPDY connection is asked whether it is alive. With
	// WebSockets, client-go asks as often, and gives up after a minute.
	spdyPing = 5 * time.Second
)

// webSocketExecutor returns client-go's executor, whose own transport would dial by
// itself and through proxies of the environment, past the guard of addresses.
func webSocketExecutor(cfg *rest.Config, security *tls.Config, at *url.URL) (remotecommand.Executor, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.WrapTransport = func(rt http.RoundTripper) http.RoundTripper {
		if holder, ok := rt.(*websocket.RoundTripper); ok {
			return &webSocketTransport{holder: holder, tls: security, dial: cfg.Dial}
		}
		return rt
	}
	return remotecommand.NewWebSocketExecutor(cfg, http.MethodGet, at.String())
}

// webSocketTransport makes the connection of one executor, which takes it from holder.
type webSocketTransport struct {
	holder *websocket.RoundTripper
	tls    *tls.Config
	dial   dialFunc
}

// RoundTrip upgrades a connection. A refusal is an UpgradeFailureError.
func (t *webSocketTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	header := r.Header.Clone()
	protocols := header[wsstream.WebSocketProtocolHeader] //nolint:staticcheck // client-go sets it in this form
	delete(header, wsstream.WebSocketProtocolHeader)
	size := t.holder.DataBufferSize() + 1024 // as client-go's own: the readers of frames rely on it
	dialer := gorilla.Dialer{
		NetDialContext: patient(t.dial), TLSClientConfig: t.tls, HandshakeTimeout: handshakeTime, Subprotocols: protocols,
		ReadBufferSize: size, WriteBufferSize: size,
	}
	at := *r.URL
	at.Scheme = strings.Replace(at.Scheme, "http", "ws", 1)
	conn, resp, err := dialer.DialContext(r.Context(), at.String(), header)
	switch {
	case errors.Is(err, gorilla.ErrBadHandshake):
		defer resp.Body.Close()
		return nil, &httpstream.UpgradeFailureError{Cause: statusOf(resp)}
	case err != nil:
		return nil, err
	case conn.Subprotocol() == "":
		_ = conn.Close()
		return nil, &httpstream.UpgradeFailureError{Cause: errors.New("the server speaks no protocol for commands")}
	}
	t.holder.Conn = conn
	return resp, nil
}

// statusOf returns the error in the answer of an API server that did not upgrade.
func statusOf(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxHeaders))
	if err != nil {
		return err
	}
	var status metav1.Status
	if err := runtime.DecodeInto(scheme.Codecs.UniversalDecoder(), body, &status); err != nil || status.Code == 0 {
		return apierrors.NewGenericServerResponse(resp.StatusCode, "get", schema.GroupResource{Resource: "pods"}, "", clean(string(body)), 0, true)
	}
	return &apierrors.StatusError{ErrStatus: status}
}

// spdyExecutor returns client-go's executor over our dialling.
func spdyExecutor(cfg *rest.Config, security *tls.Config, at *url.URL) (remotecommand.Executor, error) {
	u := &spdyUpgrade{}
	transport := &http.Transport{TLSClientConfig: security, DialContext: u.dialThrough(patient(cfg.Dial))}
	inner, err := spdy.NewRoundTripperWithConfig(spdy.RoundTripperConfig{UpgradeTransport: transport, PingPeriod: spdyPing})
	if err != nil {
		return nil, err
	}
	u.SpdyRoundTripper = inner
	wrapped, err := rest.HTTPWrappersForConfig(cfg, u)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewSPDYExecutorForTransports(wrapped, spdytransport.NewUpgraderForStreaming(u), http.MethodPost, at)
}

// spdyUpgrade is the handshake of one executor.
type spdyUpgrade struct {
	*spdy.SpdyRoundTripper

	conn net.Conn
}

// dialThrough bounds the handshake, which otherwise ends neither with its context nor
// with time.
func (u *spdyUpgrade) dialThrough(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		u.conn = conn
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		return conn, conn.SetDeadline(time.Now().Add(handshakeTime))
	}
}

// NewConnection turns an upgraded answer into a connection.
func (u *spdyUpgrade) NewConnection(resp *http.Response) (httpstream.Connection, error) {
	if resp.StatusCode != http.StatusSwitchingProtocols {
		defer resp.Body.Close()
		return nil, statusOf(resp)
	}
	if err := u.conn.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("SPDY: %w", err)
	}
	return u.SpdyRoundTripper.NewConnection(resp)
}

// patient makes connections wait for programs that do not read.
func patient(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &patientConn{Conn: conn}, nil
	}
}

// patientConn lets writes take any time, since a program in a pod may pause before it
// reads, where client-go gives up after a minute. What is written waits in bounded
// buffers meanwhile. Replies to pings are not expected while a write waits.
type patientConn struct {
	net.Conn

	writing atomic.Bool
	closed  atomic.Bool
}

// Close closes the connection. A second call does nothing: SPDY waits a second after
// an error.
func (p *patientConn) Close() error {
	if p.closed.Swap(true) {
		return nil
	}
	return p.Conn.Close()
}

// shortDeadline is the longest time to write that is taken seriously, as that of
// crypto/tls for saying goodbye.
const shortDeadline = 10 * time.Second

// SetWriteDeadline takes only short deadlines.
func (p *patientConn) SetWriteDeadline(t time.Time) error {
	if time.Until(t) > shortDeadline {
		t = time.Time{}
	}
	return p.Conn.SetWriteDeadline(t)
}

// Write writes b. Only one call at a time is expected.
func (p *patientConn) Write(b []byte) (int, error) {
	p.writing.Store(true)
	defer p.writing.Store(false)
	return p.Conn.Write(b)
}

// Read reads into b; a deadline that passes while a write waits is put off.
func (p *patientConn) Read(b []byte) (int, error) {
	for {
		n, err := p.Conn.Read(b)
		if n > 0 || !isTimeout(err) || !p.writing.Load() {
			return n, err
		}
		if err := p.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			return 0, err
		}
	}
}
