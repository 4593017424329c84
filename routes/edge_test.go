package routes

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"

	"github.com/kubeorch/core/utils/logging"
)

// logBuffer is a log that a test reads while the server writes it.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func serveLogged(t *testing.T, table ...Route) (*httptest.Server, *logBuffer) {
	t.Helper()
	out := &logBuffer{}
	log, err := logging.New(out, "debug", "text")
	require.NoError(t, err)
	d := deps()
	d.Log = log
	e, err := setup(d, table)
	require.NoError(t, err)
	srv := httptest.NewUnstartedServer(e)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.Start()
	t.Cleanup(srv.Close)
	return srv, out
}

func TestPanics(t *testing.T) {
	t.Parallel()
	srv, log := serveLogged(t,
		Route{Method: "GET", Path: "/panic", Access: Public, Handle: func(*gin.Context) error { panic("the password is hunter2") }},
		Route{Method: "GET", Path: "/late", Access: Public, Handle: func(c *gin.Context) error {
			c.Writer.Header().Set("Content-Length", "100")
			_, _ = c.Writer.WriteString("half")
			c.Writer.Flush()
			panic("late")
		}},
		Route{Method: "GET", Path: "/abort", Access: Public, Handle: func(*gin.Context) error { panic(http.ErrAbortHandler) }},
	)
	res := send(t, "GET", srv.URL+"/panic", nil, "X-Request-ID", "boom-1")
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, 500, res.StatusCode)
	require.JSONEq(t, `{"error":"internal server error","message":"internal server error"}`, string(body))
	require.Contains(t, log.String(), "hunter2", "the log tells the operator")
	require.Contains(t, log.String(), "edge_test.go")
	require.Contains(t, log.String(), "request_id=boom-1")

	res = send(t, "GET", srv.URL+"/late", nil)
	_, err = io.ReadAll(res.Body)
	require.Error(t, err, "half an answer must not look whole")

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/abort", http.NoBody)
	require.NoError(t, err)
	res, err = http.DefaultClient.Do(req)
	if err == nil {
		_ = res.Body.Close()
	}
	require.Error(t, err, "the handler asked for the connection to be cut")
	require.Equal(t, 2, strings.Count(log.String(), "panic in a handler"))
}

func TestAccessLogHoldsNoQuery(t *testing.T) {
	t.Parallel()
	srv, log := serveLogged(t, Route{Method: "GET", Path: "/x/:id", Access: SignedIn, Scope: models.ScopeRead, Handle: func(c *gin.Context) error {
		c.String(http.StatusOK, "12345")
		return nil
	}})
	send(t, "GET", srv.URL+"/x/7?token=geheim", nil, "Authorization", "Bearer u1")
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "route=/x/:id") }, 5*time.Second, time.Millisecond)
	require.Contains(t, log.String(), "user_id=u1")
	require.Contains(t, log.String(), "bytes=5")
	require.NotContains(t, log.String(), "geheim")
	require.NotContains(t, log.String(), "/x/7")
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	srv, _ := serveLogged(t)
	res := send(t, "GET", srv.URL+"/nothing", nil)
	require.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"))
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
}

// A body without Content-Length is refused while it is read.
func TestBodyLimitWhileReading(t *testing.T) {
	t.Parallel()
	srv, _ := serveLogged(t, Route{Method: "POST", Path: "/x", Access: Public, Audit: "x", Handle: func(c *gin.Context) error {
		_, err := io.ReadAll(c.Request.Body)
		require.Error(t, err)
		c.Status(http.StatusTeapot)
		return nil
	}})
	body := io.MultiReader(strings.NewReader(strings.Repeat("a", 800)), strings.NewReader(strings.Repeat("b", 800)))
	require.Equal(t, http.StatusTeapot, send(t, "POST", srv.URL+"/x", body).StatusCode)
}

// deadlineWriter records the read deadline that is set on it.
type deadlineWriter struct {
	*httptest.ResponseRecorder

	readBy []time.Time
}

func (w *deadlineWriter) SetReadDeadline(t time.Time) error {
	w.readBy = append(w.readBy, t)
	return nil
}

func (w *deadlineWriter) SetWriteDeadline(time.Time) error { return nil }

// A client that announces a body and never sends it loses its connection, also
// when its request is refused.
func TestEveryRequestHasADeadline(t *testing.T) {
	t.Parallel()
	done := func(*gin.Context) error { return nil }
	e, err := setup(deps(), []Route{
		{Method: "POST", Path: "/x", Access: SignedIn, Scope: models.ScopeDeploy, Audit: "x", Handle: done},
		{Method: "GET", Path: "/stream", Access: SignedIn, Scope: models.ScopeRead, Handle: done, Stream: true},
	})
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		method, path  string
		header, value string
		endless       bool
	}{
		"a route":               {method: "POST", path: "/x", header: "Authorization", value: "Bearer u1"},
		"no path of ours":       {method: "POST", path: "/nothing"},
		"another method":        {method: "DELETE", path: "/x"},
		"anonymous":             {method: "POST", path: "/x"},
		"a foreign origin":      {method: "POST", path: "/x", header: "Origin", value: "https://evil.example"},
		"a stream":              {method: "GET", path: "/stream", header: "Authorization", value: "Bearer u1", endless: true},
		"an anonymous stream":   {method: "GET", path: "/stream"},
		"a stream, at its path": {method: "PUT", path: "/stream"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &deadlineWriter{ResponseRecorder: httptest.NewRecorder()}
			r := httptest.NewRequestWithContext(t.Context(), tc.method, tc.path, strings.NewReader("{}"))
			if tc.header != "" {
				r.Header.Set(tc.header, tc.value)
			}
			e.ServeHTTP(w, r)
			require.NotEmpty(t, w.readBy)
			require.Equal(t, tc.endless, w.readBy[len(w.readBy)-1].IsZero())
		})
	}
}
