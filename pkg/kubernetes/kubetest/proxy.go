package kubetest

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// Proxy stands in front of an API server, with plain HTTP, and counts the connections
// that it upgrades.
type Proxy struct {
	URL        string
	WebSockets atomic.Int32
	SPDY       atomic.Int32
}

// Proxy starts a proxy of the API server and stops it when t ends. One that refuses
// WebSockets answers as servers do that know only SPDY.
func (c *Cluster) Proxy(t testing.TB, refuseWebSockets bool) *Proxy {
	t.Helper()
	target, err := url.Parse(c.Server())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.CA())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	next := httputil.NewSingleHostReverseProxy(target)
	next.Transport, next.ErrorLog = transport, slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	p := &Proxy{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch kind := r.Header.Get("Upgrade"); {
		case kind == "websocket" && refuseWebSockets:
			http.Error(w, "unable to upgrade: unable to negotiate protocol", http.StatusForbidden)
			return
		case kind == "websocket":
			p.WebSockets.Add(1)
		case strings.HasPrefix(kind, "SPDY"):
			p.SPDY.Add(1)
		}
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	p.URL = srv.URL
	return p
}
