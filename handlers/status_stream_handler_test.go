package handlers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

const streamed = "0123456789abcdef01234567"

// fakeSubscription returns the frames that are sent to take.
type fakeSubscription struct {
	ready    chan struct{}
	closed   chan struct{}
	take     chan [][]byte // nil: events were lost
	gaveUp   atomic.Bool
	behind   atomic.Pointer[string] // the event to continue after
	position string
}

func newFakeSubscription() *fakeSubscription {
	return &fakeSubscription{ready: make(chan struct{}, 1), closed: make(chan struct{}), take: make(chan [][]byte, 8), position: "e-1"}
}

func (s *fakeSubscription) Ready() <-chan struct{}  { return s.ready }
func (s *fakeSubscription) Closed() <-chan struct{} { return s.closed }
func (s *fakeSubscription) Position() string        { return s.position }
func (s *fakeSubscription) Close()                  { s.gaveUp.Store(true) }

func (s *fakeSubscription) Take(buf [][]byte) ([][]byte, bool) {
	select {
	case frames := <-s.take:
		return append(buf, frames...), frames == nil
	default:
		return buf, false
	}
}

// publish lets the reader find frames; without frames it finds that some were lost.
func (s *fakeSubscription) publish(frames ...string) {
	var list [][]byte
	for _, f := range frames {
		list = append(list, []byte(f))
	}
	s.take <- list
	s.ready <- struct{}{}
}

type fakeWorkflows func(owner, id string) (models.Workflow, error)

func (f fakeWorkflows) Document(_ context.Context, owner, id string) (models.WorkflowDocument, error) {
	w, err := f(owner, id)
	if err != nil {
		return models.WorkflowDocument{}, err
	}
	body, err := json.Marshal(w)
	return models.WorkflowDocument{Body: body}, err
}

func (f fakeWorkflows) Statuses(_ context.Context, owner, id string) (models.StatusSync, error) {
	w, err := f(owner, id)
	return models.StatusesOf(w.Nodes), err
}

type fakeWatching struct{ held, released atomic.Int32 }

func (f *fakeWatching) Hold(string) func() {
	f.held.Add(1)
	return func() { f.released.Add(1) }
}

func annsWorkflow(owner, id string) (models.Workflow, error) {
	if owner != "ann" || id != streamed {
		return models.Workflow{}, &models.Error{Kind: models.NotFound, Msg: "workflow not found"}
	}
	return models.Workflow{ID: id, Name: "shop", Nodes: []models.Node{
		{ID: "n1", Type: "deployment", Data: models.Data{"name": "web", models.StatusKey: map[string]any{"state": "healthy"}}},
		{ID: "n2", Type: "service", Data: models.Data{"name": "web"}},
	}}, nil
}

// statusStream serves one stream with the events of sub.
func statusStream(get fakeWorkflows, watch watchers, sub *fakeSubscription) http.Handler {
	h := NewStatusStream(get, AsSubscribe(func(_, last string) (*fakeSubscription, error) {
		sub.behind.Store(&last)
		return sub, nil
	}), watch, slog.New(slog.DiscardHandler))
	e := gin.New()
	e.GET("/workflows/:id/status/stream", func(c *gin.Context) {
		ctx := models.WithIdentity(c.Request.Context(), models.Identity{UserID: c.GetHeader("User")})
		c.Request = c.Request.WithContext(ctx)
	}, Handle(slog.New(slog.DiscardHandler), h.Stream))
	return e
}

// block reads up to and including the blank line that ends an event.
func block(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		if line == "\n" {
			return b.String()
		}
		b.WriteString(line)
	}
}

func TestStatusStream(t *testing.T) {
	t.Parallel()
	sub, watch := newFakeSubscription(), &fakeWatching{}
	srv := httptest.NewUnstartedServer(statusStream(annsWorkflow, watch, sub))
	srv.Config.ReadTimeout = 300 * time.Millisecond // must not end a stream
	srv.Config.WriteTimeout = 300 * time.Millisecond
	srv.Start()
	defer srv.Close()

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/workflows/"+streamed+"/status/stream", nil)
	require.NoError(t, err)
	req.Header.Set("User", "ann")
	req.Header.Set("Last-Event-ID", "e-0")
	res, err := srv.Client().Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	require.Equal(t, http.StatusOK, res.StatusCode)
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no",
	} {
		require.Equal(t, want, res.Header.Get(name), name)
	}
	require.Equal(t, "e-0", *sub.behind.Load())

	in := bufio.NewReader(res.Body)
	first := block(t, in)
	require.True(t, strings.HasPrefix(first, "id: e-1\nevent: metadata\ndata: {\"id\":\""+streamed), first)
	require.Contains(t, first, `"_status":{"state":"healthy"}`)

	sub.publish("event: node_update\ndata: 1\n\n", "event: node_update\ndata: 2\n\n")
	require.Equal(t, "event: node_update\ndata: 1\n", block(t, in))
	require.Equal(t, "event: node_update\ndata: 2\n", block(t, in))

	sub.publish()
	again := block(t, in)
	require.True(t, strings.HasPrefix(again, "id: e-1\nevent: workflow_sync\ndata: {\"type\":\"workflow\""), again)
	require.Contains(t, again, `"data":{"nodes":[{"data":{"_status":{"state":"healthy"}},"id":"n1"}]}`)

	close(sub.closed)
	require.Equal(t, "event: complete\ndata: \"the server is stopping\"\n", block(t, in))
	_, err = in.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	require.Eventually(t, func() bool { return watch.released.Load() == 1 && sub.gaveUp.Load() }, 5*time.Second, time.Millisecond)
}

func TestStatusStreamRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ user, id string }{
		"somebody else's workflow": {"bob", streamed},
		"unknown workflow":         {"ann", "ffffffffffffffffffffffff"},
		"malformed id":             {"ann", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sub, watch := newFakeSubscription(), &fakeWatching{}
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/workflows/"+tc.id+"/status/stream", nil)
			req.Header.Set("User", tc.user)
			w := httptest.NewRecorder()
			statusStream(annsWorkflow, watch, sub).ServeHTTP(w, req)
			require.Equal(t, http.StatusNotFound, w.Code)
			require.JSONEq(t, `{"error":"workflow not found","message":"workflow not found"}`, w.Body.String())
			require.Zero(t, watch.held.Load())
		})
	}
}

// follow runs a stream over an in-memory connection in fake time. It returns the
// reader's end, a function that ends the stream, and a channel that is closed
// when the stream has ended.
func follow(
	t *testing.T, sub *fakeSubscription, snapshot func(*eventStream) error,
) (client net.Conn, leave func(), done <-chan struct{}) {
	t.Helper()
	server, client := net.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s := &eventStream{transport: &connTransport{conn: server}}
		s.follow(ctx, sub, func(context.Context) error { return snapshot(s) })
		_ = server.Close()
	}()
	t.Cleanup(func() {
		cancel()
		_ = client.Close()
		<-ended
	})
	return client, cancel, ended
}

// chunks reads the body of a chunked answer.
func chunks(c net.Conn) *bufio.Reader {
	return bufio.NewReader(httputil.NewChunkedReader(c))
}

func TestStreamHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, leave, done := follow(t, newFakeSubscription(), nil)
		in, start := chunks(conn), time.Now()
		for range 3 {
			require.Equal(t, ": ping\n", block(t, in))
		}
		require.InDelta(t, 3*heartbeatInterval, time.Since(start), float64(probeInterval))
		leave()
		<-done
	})
}

func TestStreamEndsForADeadReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sub := newFakeSubscription()
		_, _, done := follow(t, sub, nil)
		start := time.Now()
		sub.publish("event: node_update\ndata: 1\n\n")
		<-done
		require.Equal(t, writeTimeout, time.Since(start))
	})
}

func TestStreamEndsForAReaderThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _, done := follow(t, newFakeSubscription(), nil)
		start := time.Now()
		_ = conn.Close()
		<-done
		require.LessOrEqual(t, time.Since(start), probeInterval+time.Second)
	})
}

func TestStatusStreamOverHTTP2(t *testing.T) {
	t.Parallel()
	sub, watch := newFakeSubscription(), &fakeWatching{}
	srv := httptest.NewUnstartedServer(statusStream(annsWorkflow, watch, sub))
	srv.EnableHTTP2 = true
	srv.Config.ReadTimeout = 300 * time.Millisecond
	srv.StartTLS()
	defer srv.Close()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/workflows/"+streamed+"/status/stream", nil)
	require.NoError(t, err)
	req.Header.Set("User", "ann")
	res, err := srv.Client().Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	require.Equal(t, 2, res.ProtoMajor)
	in := bufio.NewReader(res.Body)
	require.Contains(t, block(t, in), "event: metadata\n")
	sub.publish("event: node_update\ndata: 1\n\n")
	require.Equal(t, "event: node_update\ndata: 1\n", block(t, in))
	leave()
	require.Eventually(t, func() bool { return watch.released.Load() == 1 && sub.gaveUp.Load() }, 5*time.Second, time.Millisecond)
}

func TestStreamRepeatsAFailedSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sub, tries := newFakeSubscription(), 0
		conn, leave, done := follow(t, sub, func(s *eventStream) error {
			if tries++; tries == 1 {
				return errors.New("mongodb://10.0.0.1 is gone")
			}
			return s.event("", models.EventWorkflowSync, "all")
		})
		in := chunks(conn)
		sub.publish()
		require.Equal(t, "event: error\ndata: \"internal server error\"\n", block(t, in))
		require.Equal(t, "event: workflow_sync\ndata: \"all\"\n", block(t, in))
		leave()
		<-done
	})
}

func TestStreamEndsWhenItsSubjectIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sub := newFakeSubscription()
		conn, _, done := follow(t, sub, func(*eventStream) error {
			return &models.Error{Kind: models.NotFound, Msg: "workflow not found"}
		})
		in := chunks(conn)
		sub.publish()
		require.Equal(t, "event: error\ndata: \"workflow not found\"\n", block(t, in))
		<-done
	})
}

// Streams that nobody reads hold one snapshot together, and no decoded graph. The
// test runs alone, since it measures the heap.
//
//nolint:paralleltest // see above
func TestUnreadStreamsShareTheirSnapshot(t *testing.T) {
	const streams, size, most = 20, 3 << 20, 40 << 20
	body := []byte(`"` + strings.Repeat("x", size) + `"`)
	sub := newFakeSubscription()
	e := gin.New()
	h := NewStatusStream(oneDocument(body), AsSubscribe(func(_, _ string) (*fakeSubscription, error) { return sub, nil }),
		&fakeWatching{}, slog.New(slog.DiscardHandler))
	e.GET("/workflows/:id/status/stream", Handle(slog.New(slog.DiscardHandler), h.Stream))
	srv := httptest.NewServer(e)
	defer srv.Close()
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range streams {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		_, err = io.WriteString(conn, "GET /workflows/"+streamed+"/status/stream HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		_, err = io.ReadFull(conn, make([]byte, 16)) // the answer has begun
		require.NoError(t, err)
	}
	require.Less(t, int64(heap())-int64(before), int64(most)) //nolint:gosec // a heap is smaller than that
}

// oneDocument is a workflow that is encoded already.
type oneDocument []byte

func (d oneDocument) Document(context.Context, string, string) (models.WorkflowDocument, error) {
	return models.WorkflowDocument{Body: d}, nil
}

func (oneDocument) Statuses(context.Context, string, string) (models.StatusSync, error) {
	return models.StatusSync{}, nil
}
