package kubetest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/connrotation"
)

// Gateway stands in front of an API server. It passes requests on, counts them, and
// can make watches expire. Clients log in with tokens. Its methods are safe for
// concurrent use.
type Gateway struct {
	URL string

	front  *httptest.Server
	hangUp func() // closes the connections to the API server

	mu      sync.Mutex
	counts  Requests
	open    map[*openWatch]struct{}
	expired map[string]bool // by resource: the next watch that goes on from a version is refused
}

// Requests are how many requests have passed a Gateway. Watches are counted by the
// plural of the resource, such as "pods"; those that select by label apart, as
// "pods by label".
type Requests struct {
	All      int
	Watches  map[string]int // that were opened, by resource
	Watching map[string]int // that are open now; resources without any are left out
	Expired  int            // watches that were answered with 410
	Youngest time.Time      // when the youngest open watch was opened
}

// openWatch is a watch that passes a Gateway.
type openWatch struct {
	since  time.Time
	cancel context.CancelFunc
	ended  atomic.Bool // by the gateway
}

func (w *openWatch) end() {
	w.ended.Store(true)
	w.cancel()
}

// NewGateway starts a gateway to the API server at a URL, whose certificate
// authority is given in PEM. The caller closes it.
func NewGateway(server string, ca []byte) (*Gateway, error) {
	to, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("the certificate authority is not in PEM")
	}
	dialer := connrotation.NewDialer((&net.Dialer{}).DialContext)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, DialContext: dialer.DialContext,
	}
	g := &Gateway{
		hangUp: dialer.CloseAll,
		counts: Requests{Watches: map[string]int{}, Watching: map[string]int{}}, open: map[*openWatch]struct{}{}, expired: map[string]bool{},
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport:     transport,
		FlushInterval: -1, // events of a watch go on at once
		// An API server that is away looks the same through the gateway.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	g.front = httptest.NewUnstartedServer(g.counted(proxy))
	g.front.EnableHTTP2 = true
	g.front.Config.ErrorLog = proxy.ErrorLog
	g.front.StartTLS()
	g.URL = g.front.URL
	return g, nil
}

// CA is the certificate authority of the gateway, in PEM.
func (g *Gateway) CA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.front.Certificate().Raw})
}

// Close ends all requests.
func (g *Gateway) Close() {
	g.end()
	g.front.CloseClientConnections()
	g.front.Close()
	g.hangUp() // a connection is not idle yet when a watch on it has been cancelled
}

// Requests returns the counts so far.
func (g *Gateway) Requests() Requests {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.counts
	c.Watches, c.Watching = maps.Clone(c.Watches), maps.Clone(c.Watching)
	for w := range g.open {
		if w.since.After(c.Youngest) {
			c.Youngest = w.since
		}
	}
	return c
}

// Expire ends all watches in good order, as an API server does after some minutes,
// and answers the next one of each of their resources with 410 Gone, as it does when
// it has forgotten the version from which the watch is to go on. Clients read the
// whole list, and so do not go on, after watches of less than a second.
func (g *Gateway) Expire() {
	g.mu.Lock()
	for resource := range g.counts.Watching {
		g.expired[resource] = true
	}
	g.mu.Unlock()
	g.end()
}

func (g *Gateway) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for w := range g.open {
		w.end()
	}
}

func (g *Gateway) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, resource := r.URL.Query(), path.Base(r.URL.Path)
		if is := query.Get("watch"); is != "true" && is != "1" {
			g.mu.Lock()
			g.counts.All++
			g.mu.Unlock()
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		if query.Get("labelSelector") != "" {
			resource += " by label"
		}
		watch := &openWatch{since: time.Now(), cancel: cancel}
		expired := g.opened(resource, query.Get("sendInitialEvents") == "true", watch)
		defer g.closed(resource, watch)
		if !expired {
			watch.serve(next, w, r.WithContext(ctx))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusGone)
		_ = json.NewEncoder(w).Encode(metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
			Status:   metav1.StatusFailure, Code: http.StatusGone, Reason: metav1.StatusReasonExpired, Message: "too old resource version",
		})
	})
}

// opened counts a watch. A watch from the beginning never expires.
func (g *Gateway) opened(resource string, initial bool, w *openWatch) (expired bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.counts.All++
	g.counts.Watches[resource]++
	g.counts.Watching[resource]++
	if !initial && g.expired[resource] {
		delete(g.expired, resource)
		g.counts.Expired++
		expired = true
	}
	g.open[w] = struct{}{}
	return expired
}

// serve passes the watch on. One that the gateway ends looks complete to the client.
func (w *openWatch) serve(next http.Handler, rw http.ResponseWriter, r *http.Request) {
	defer func() {
		if problem := recover(); problem != nil && !w.ended.Load() {
			panic(problem)
		}
	}()
	next.ServeHTTP(rw, r)
}

func (g *Gateway) closed(resource string, w *openWatch) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, w)
	if g.counts.Watching[resource]--; g.counts.Watching[resource] == 0 {
		delete(g.counts.Watching, resource)
	}
}
