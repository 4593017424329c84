package kubernetes

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/egress"
)

const hostileToken = "s3cret-token-value"

// quiet starts a TLS server that does not log failed handshakes.
func quiet(h http.HandlerFunc) *httptest.Server {
	srv := unstarted(h)
	srv.StartTLS()
	return srv
}

func unstarted(h http.HandlerFunc) *httptest.Server {
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	return srv
}

// status answers as an API server does.
func status(code int, reason, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"`+reason+`","message":"`+message+`","code":`+strconv.Itoa(code)+`}`)
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	page := make([]byte, 1<<20)
	for range 1 << 10 {
		if _, err := w.Write(page); err != nil || r.Context().Err() != nil {
			return
		}
	}
}

func TestHostileServers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		serve http.HandlerFunc
		want  Reason
		text  string
	}{
		"web page": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<html>"+hostileToken+"</html>")
		}, NotKubernetes, "web page"},
		"bad gateway page": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
		}, Busy, "not available"},
		"redirect":     {http.RedirectHandler("https://elsewhere.invalid/", http.StatusFound).ServeHTTP, NotKubernetes, "redirects"},
		"empty answer": {func(http.ResponseWriter, *http.Request) {}, NotKubernetes, "Kubernetes"},
		"plain 404":    {http.NotFound, NotKubernetes, "Kubernetes"},
		"1 GB":         {endless, TooLarge, "larger"},
		"unauthorized": {status(401, "Unauthorized", "no "+hostileToken), Unauthorized, "credentials"},
		"forbids everything, and is no API server": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "blocked "+hostileToken, http.StatusForbidden)
		}, NotKubernetes, "Kubernetes"},
		"forbids anonymous users all": {status(403, "Forbidden", "User system:anonymous cannot list"), Unauthorized, "credentials"},
		"echoes the token":            {status(418, "Unknown", "you sent "+hostileToken), NotKubernetes, ""},
		"internal error":              {status(500, "InternalError", "etcd "+hostileToken), NotKubernetes, ""},
		"starting":                    {status(503, "ServiceUnavailable", "wait, "+hostileToken), Busy, "busy"},
		"silent after open":           {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, Timeout, "in time"},
		"silent after headers": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, Timeout, "in time"},
		"other JSON": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"hello":"world"}`)
		}, NotKubernetes, "Kubernetes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := quiet(tc.serve)
			defer srv.Close()
			err := testConnection(t, srv.URL, Options{RequestTimeout: time.Second, MaxAnswer: 1 << 20})
			require.Equal(t, tc.want, ReasonOf(err), "%v", err)
			require.ErrorContains(t, err, tc.text)
			require.NotContains(t, err.Error(), hostileToken)
		})
	}
}

// Endless lists are read up to a bound.
func TestDescribeIsBounded(t *testing.T) {
	t.Parallel()
	page := `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"continue":"x"},"items":[` +
		strings.Repeat(`{"metadata":{"name":"`+strings.Repeat("é", maxName)+`"}},`, 999) + `{"metadata":{"name":"n"}}]}`
	srv := quiet(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/version":
			_, _ = io.WriteString(w, `{"gitVersion":"v`+strings.Repeat("1", 1<<18)+`"}`)
		case "/api/v1/namespaces", "/apis/storage.k8s.io/v1/storageclasses":
			_, _ = io.WriteString(w, page)
		default:
			status(403, "Forbidden", "no")(w, r)
		}
	})
	defer srv.Close()
	conn := connectTo(t, srv.URL, Options{})
	facts, err := conn.Describe(t.Context())
	require.NoError(t, err)
	require.Len(t, facts.Version, maxName)
	for _, list := range [][]string{facts.Namespaces, facts.StorageClasses} {
		require.Len(t, list, maxNames)
		require.Equal(t, strings.Repeat("é", maxName/2), list[0])
	}
}

// testConnection tests a connection within the time a user waits for it.
func testConnection(t *testing.T, url string, o Options) error {
	t.Helper()
	conn := connectTo(t, url, o)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := conn.Test(ctx)
	require.NoError(t, ctx.Err(), "took too long")
	return err
}

// connectTo returns a connection that is closed when t ends.
func connectTo(t *testing.T, url string, o Options) *Connection {
	t.Helper()
	connector := NewConnector(o)
	t.Cleanup(connector.Close)
	conn, err := connector.Get("c1", 1, func() (Config, error) {
		return Config{Server: url, AuthType: AuthToken, Token: hostileToken, Insecure: true}, nil
	})
	require.NoError(t, err)
	return conn
}

func TestHTTPOnTheTLSPort(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	err := testConnection(t, "https://"+srv.Listener.Addr().String(), Options{})
	require.Equal(t, TLS, ReasonOf(err))
	require.ErrorContains(t, err, "does not speak TLS")
}

func TestUnknownAuthority(t *testing.T) {
	t.Parallel()
	srv := quiet(http.NotFound)
	defer srv.Close()
	connector := NewConnector(Options{})
	defer connector.Close()
	conn, err := connector.Open(Config{Server: srv.URL, AuthType: AuthToken, Token: hostileToken})
	require.NoError(t, err)
	defer connector.Discard(conn)
	err = conn.Test(t.Context())
	require.Equal(t, TLS, ReasonOf(err))
	require.ErrorContains(t, err, "CA certificate")
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	err = testConnection(t, "https://"+addr, Options{})
	require.Equal(t, Unreachable, ReasonOf(err))
	require.ErrorContains(t, err, "refuses connections")
}

func TestSilentAfterAccept(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	err = testConnection(t, "https://"+l.Addr().String(), Options{RequestTimeout: time.Second})
	require.Equal(t, Timeout, ReasonOf(err), "%v", err)
}

func TestMetadataAddressIsRefused(t *testing.T) {
	t.Parallel()
	err := testConnection(t, "https://169.254.169.254", Options{})
	require.Equal(t, NotAllowed, ReasonOf(err))
	require.ErrorContains(t, err, "metadata")
}

func TestDialHookDecides(t *testing.T) {
	t.Parallel()
	err := testConnection(t, "https://127.0.0.1:1", Options{Dial: egress.New(egress.Options{}).DialContext})
	require.Equal(t, NotAllowed, ReasonOf(err))
}

func TestUnknownHost(t *testing.T) {
	t.Parallel()
	err := testConnection(t, "https://nowhere.invalid", Options{})
	require.Equal(t, Unreachable, ReasonOf(err))
	require.ErrorContains(t, err, "nowhere.invalid cannot be resolved")
}

func TestNgrokHeader(t *testing.T) {
	t.Parallel()
	var seen atomic.Value
	srv := quiet(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Header.Get("ngrok-skip-browser-warning"))
		http.NotFound(w, r)
	}))
	defer srv.Close()
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, srv.Listener.Addr().String())
	}
	require.Error(t, testConnection(t, "https://abc.ngrok.invalid", Options{Dial: dial}))
	require.Equal(t, "true", seen.Load())
}

func TestWatchThatNeverBegins(t *testing.T) {
	t.Parallel()
	srv := quiet(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer srv.Close()
	connector := NewConnector(Options{RequestTimeout: 200 * time.Millisecond})
	defer connector.Close()
	conn, err := connector.Open(Config{Server: srv.URL, AuthType: AuthToken, Token: hostileToken, Insecure: true})
	require.NoError(t, err)
	defer connector.Discard(conn)
	_, err = conn.Metadata().Resource(namespaces()).Watch(t.Context(), metav1.ListOptions{})
	require.Equal(t, Timeout, ReasonOf(err), "%v", err)
}

func TestConnectorSharesAndReplaces(t *testing.T) {
	t.Parallel()
	connector := NewConnector(Options{})
	var loads atomic.Int32
	load := func() (Config, error) {
		loads.Add(1)
		return Config{Server: server, AuthType: AuthToken, Token: hostileToken}, nil
	}
	first, err := connector.Get("c1", 1, load)
	require.NoError(t, err)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			again, err := connector.Get("c1", 1, load)
			if err != nil || again != first {
				t.Error("the connection is not shared")
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 1, loads.Load())

	second, err := connector.Get("c1", 2, load)
	require.NoError(t, err)
	require.NotSame(t, first, second)
	<-first.Done()

	late, err := connector.Get("c1", 1, load) // a caller with an old record
	require.NoError(t, err)
	require.Same(t, second, late)

	connector.Forget("c1")
	<-second.Done()
	connector.Close()
	_, err = connector.Get("c1", 3, load)
	require.ErrorContains(t, err, "closed")
}

func TestForgetEndsRequests(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	srv := quiet(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	}))
	defer srv.Close()
	connector := NewConnector(Options{})
	defer connector.Close()
	load := func() (Config, error) {
		return Config{Server: srv.URL, AuthType: AuthToken, Token: hostileToken, Insecure: true}, nil
	}
	conn, err := connector.Get("c1", 1, load)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- conn.Test(t.Context()) }()
	<-began
	for version := range int64(20) {
		_, err := connector.Get("c1", 2+version, load)
		require.NoError(t, err)
	}
	require.Len(t, connector.replaced["c1"], 2, "of those that were replaced: the one in use, and the last")
	connector.Forget("c1")
	require.Error(t, <-ended)
}

func TestStreamKind(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]bool{
		"/api/v1/namespaces/shop/pods/web/log":                  true,
		"/k8s/clusters/c1/api/v1/namespaces/shop/pods/web/log":  true,
		"/api/v1/pods?watch=true":                               true,
		"/apis/apps/v1/namespaces/shop/deployments/log":         false,
		"/api/v1/namespaces/pods/configmaps/log":                false,
		"/api/v1/namespaces/log":                                false,
		"/api/v1/namespaces/shop/pods/log":                      false,
		"/apis/apps/v1/namespaces/shop/deployments/watch/scale": false,
	} {
		_, stream := streamKind(httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
		require.Equal(t, want, stream, target)
	}
}
