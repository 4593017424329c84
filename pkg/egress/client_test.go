package egress

import (
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tlsServer serves h with a certificate that roots trusts.
func tlsServer(t *testing.T, h http.HandlerFunc) (srv *httptest.Server, roots *x509.CertPool) {
	t.Helper()
	srv = httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	roots = x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return srv, roots
}

// client returns a client whose connections are closed when t ends.
func client(t *testing.T, g *Guard, o ClientOptions) *http.Client {
	t.Helper()
	c := g.Client(o)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func get(t *testing.T, c *http.Client, url string) (status int, body string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer s3cret")
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func TestClientChecksEveryRedirect(t *testing.T) {
	t.Parallel()
	var forms, strangers atomic.Int32
	elsewhere, roots := tlsServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.ContentLength > 0 {
			strangers.Add(1)
		}
		_, _ = io.WriteString(w, "elsewhere")
	})
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	srv, _ := tlsServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/metadata":
			http.Redirect(w, r, "https://169.254.169.254/latest/meta-data/", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/plain":
			http.Redirect(w, r, plain.URL, http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/elsewhere":
			http.Redirect(w, r, strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1), http.StatusTemporaryRedirect)
		case "/near":
			http.Redirect(w, r, "/here", http.StatusTemporaryRedirect)
		case "/here":
			forms.Add(int32(r.ContentLength))
			_, _ = io.WriteString(w, "here")
		}
	})
	roots.AddCert(srv.Certificate())
	c := client(t, New(Options{AllowLoopback: true}), ClientOptions{MaxRedirects: 3, RootCAs: roots, AllowHTTP: true})

	_, _, err := get(t, c, srv.URL+"/metadata")
	var refused *RefusedError
	require.ErrorAs(t, err, &refused)
	for path, text := range map[string]string{"/loop": "more than 3 redirects", "/plain": "from https to http", "/file": "from https to file"} {
		_, _, err = get(t, c, srv.URL+path)
		require.ErrorContains(t, err, text)
	}
	_, body, err := get(t, c, srv.URL+"/near")
	require.NoError(t, err)
	require.Equal(t, "here", body)

	post := func(path string) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path, strings.NewReader("client_secret=x"))
		require.NoError(t, err)
		resp, err := c.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	require.NoError(t, post("/near"))
	require.EqualValues(t, len("client_secret=x"), forms.Load())
	require.ErrorContains(t, post("/elsewhere"), "carry a form to another host")
	require.Zero(t, strangers.Load())

	status, _, err := get(t, client(t, New(Options{AllowLoopback: true}), ClientOptions{RootCAs: roots}), srv.URL+"/metadata")
	require.NoError(t, err)
	require.Equal(t, http.StatusFound, status, "without redirects, the redirect is the answer")
}

func TestClientIsBounded(t *testing.T) {
	t.Parallel()
	srv, roots := tlsServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/large":
			_, _ = w.Write(make([]byte, 4<<20))
		case "/silent":
			<-r.Context().Done()
		case "/slow":
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			// To return would end the body in good order, perhaps before the
			// client has closed its side.
			panic(http.ErrAbortHandler)
		}
	})
	_, _, err := get(t, client(t, New(Options{AllowLoopback: true}), ClientOptions{RootCAs: roots}), srv.URL+"/large")
	require.ErrorIs(t, err, ErrTooLarge)
	c := client(t, New(Options{AllowLoopback: true}), ClientOptions{RootCAs: roots, Timeout: 200 * time.Millisecond})
	for _, path := range []string{"/silent", "/slow"} {
		_, _, err = get(t, c, srv.URL+path)
		var timeout interface{ Timeout() bool }
		require.True(t, errors.As(err, &timeout) && timeout.Timeout(), "%s: %v", path, err)
	}
	_, _, err = get(t, c, "http://"+srv.Listener.Addr().String())
	require.ErrorContains(t, err, "not an allowed scheme")
}

// DNS rebinding: the name has a public address when it is looked up first and
// another one when it is dialled.
func TestRebindingNamesAreRefused(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string][]string{
		"rebound to metadata": {"93.184.216.34", "169.254.169.254"},
		"rebound to loopback": {"93.184.216.34", "127.0.0.1"},
		"mapped":              {"93.184.216.34", "::ffff:169.254.169.254"},
		"through NAT64":       {"93.184.216.34", "64:ff9b::7f00:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var list []netip.Addr
			for _, a := range answers {
				list = append(list, netip.MustParseAddr(a))
			}
			resolver := rebinding(t, list...)
			seen, err := resolver.LookupNetIP(t.Context(), "ip", "rebind.test")
			require.NoError(t, err)
			require.NoError(t, New(Options{}).Check(seen[0]), "the first look is harmless")
			_, err = New(Options{Resolver: resolver}).DialContext(t.Context(), "tcp", "rebind.test:443")
			var refused *RefusedError
			require.ErrorAs(t, err, &refused)
		})
	}
}
