package podlog

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
)

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A pod prints far more than a viewer reads: the viewer is told how much it missed, and
// memory stays within bounds. The test runs alone, since it measures the heap.
//
//nolint:paralleltest // see above
func TestAChattyPodAndASlowViewer(t *testing.T) {
	const lines, most = 100_000, 24 << 20
	r, id := pod(t)
	text := strings.Repeat("x", 90)
	printed := make(chan struct{})
	r.cluster.change(func() {
		r.cluster.answer = func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Query().Get("follow") != "true" {
				return false
			}
			out := bufio.NewWriterSize(w, 1<<20)
			for i := range lines {
				_, _ = fmt.Fprintf(out, "%s %06d %s\n", at(i/50).Format(time.RFC3339Nano), i, text) // 50,000 a second
			}
			_ = out.Flush()
			w.(http.Flusher).Flush()
			close(printed)
			<-req.Context().Done()
			return true
		}
	})
	before := heap()
	begun := time.Now()
	v := watch(t, r.Manager, id, models.LogQuery{Follow: true})
	<-v.Ready() // and then it reads nothing
	<-printed
	t.Logf("%.0f lines/s", lines/time.Since(begun).Seconds())
	require.Less(t, heap()-before, int64(most))

	seen, skipped, next := 0, 0, 0
	v.until("the last line", func(all []frame) bool {
		for ; next < len(all); next++ {
			var n int
			if f := all[next]; f.event == "error" {
				_, err := fmt.Sscanf(f.data, "%d lines were skipped", &n)
				require.NoError(t, err, f.data)
				skipped += n
				continue
			}
			_, message, _ := strings.Cut(all[next].data, " ")
			_, err := fmt.Sscanf(message, "%d", &n)
			require.NoError(t, err)
			require.Equal(t, seen+skipped, n, "in order, and what is missing was told before")
			seen++
		}
		return seen+skipped == lines
	})
	require.Positive(t, skipped)
	t.Logf("%d lines seen, %d skipped", seen, skipped)
}

// serve serves logs over HTTP, as the server does.
func serve(t *testing.T, m *Manager) *httptest.Server {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	h := handlers.NewPodLog(handlers.AsOpenLogs(m.Open), handlers.AsDownloadLogs(m.Download), log)
	e := gin.New()
	e.Use(func(c *gin.Context) {
		c.Request = c.Request.WithContext(models.WithIdentity(c.Request.Context(), models.Identity{UserID: ann}))
	})
	e.GET("/resources/:id/logs/stream", handlers.Handle(log, h.Stream))
	e.GET("/resources/:id/logs/download", handlers.Handle(log, h.Download))
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	return srv
}

// sockets returns the number of open descriptors of this process.
func sockets(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/dev/fd")
	require.NoError(t, err)
	return len(files)
}

// Two hundred viewers of forty pods come and leave without a word: everything returns
// to where it was. The test runs alone, since it counts goroutines and sockets.
//
//nolint:paralleltest // see above
func TestTwoHundredViewersLeaveNothing(t *testing.T) {
	const viewers, pods = 200, 40
	r := newRig(t)
	srv := serve(t, r.Manager)
	var ids []string
	for i := range pods {
		name := fmt.Sprintf("web-%d", i)
		r.cluster.run(name, "", "app")
		r.cluster.print(name, "app", at(i), numbered(0, 100)...)
		ids = append(ids, r.resources.add("Pod", name))
	}
	open := func(n int) {
		var conns []net.Conn
		for i := range n {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
			require.NoError(t, err)
			conns = append(conns, conn)
			_, err = fmt.Fprintf(conn, "GET /resources/%s/logs/stream?tail=50 HTTP/1.1\r\nHost: x\r\n\r\n", ids[i%pods])
			require.NoError(t, err)
		}
		for _, conn := range conns {
			in := bufio.NewReader(conn)
			for line := ""; !strings.Contains(line, "line 99"); {
				var err error
				line, err = in.ReadString('\n')
				require.NoError(t, err)
			}
		}
		require.Equal(t, min(n, pods), r.Followed(), "viewers of one pod share what is followed")
		for _, conn := range conns {
			_ = conn.Close()
		}
		require.Eventually(t, func() bool { return r.Followed() == 0 && r.cluster.following.Load() == 0 }, 30*time.Second, 5*time.Millisecond)
	}
	open(1) // so that what is kept for later is there
	goroutines, files, before := runtime.NumGoroutine(), sockets(t), heap()
	open(viewers)
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines+5 }, 10*time.Second, 5*time.Millisecond)
	require.Eventually(t, func() bool { return sockets(t) <= files+5 }, 10*time.Second, 5*time.Millisecond)
	require.Less(t, heap()-before, int64(4<<20))
	require.Eventually(t, func() bool { return r.resources.holds() == 0 }, 10*time.Second, 5*time.Millisecond)
}

func TestStreamOverHTTP(t *testing.T) {
	t.Parallel()
	r, id := pod(t)
	srv := serve(t, r.Manager)
	r.cluster.print("web", "app", at(0), "first")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/resources/"+id+"/logs/stream", nil)
	require.NoError(t, err)
	res, err := srv.Client().Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	in := bufio.NewReader(res.Body)
	block := func() string {
		var b strings.Builder
		for {
			line, err := in.ReadString('\n')
			require.NoError(t, err)
			if line == "\n" {
				return b.String()
			}
			b.WriteString(line)
		}
	}
	require.Equal(t, "event: metadata\ndata: "+`{"pod":"web","container":"app","namespace":"shop","cluster":"prod","pods":["web"]}`+"\n", block())
	require.Regexp(t, `^id: [\w-]+\nevent: log\ndata: 2026-11-30T12:00:00.123456789Z first\n$`, block())
	r.cluster.finish("web")
	require.Equal(t, "event: complete\ndata: the log has ended\n", block())
	_, err = in.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}

// A cluster that accepts connections and answers nothing is told of in bounded time.
func TestAClusterThatHangs(t *testing.T) {
	t.Parallel()
	r, id := pod(t)
	r.cluster.change(func() { r.cluster.hang = true })
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 3*lookTimeout)
	defer cancel()
	_, err := r.Open(ctx, ann, id, models.LogQuery{Follow: true})
	require.Equal(t, models.Unavailable, models.KindOf(err), "%v", err)
	require.Contains(t, models.MessageOf(err), "did not answer in time")
	require.Less(t, time.Since(begun), 2*lookTimeout)
	require.Zero(t, r.resources.holds())
}

// A node that hangs keeps the log of its pod alone.
func TestAKubeletThatHangs(t *testing.T) {
	t.Parallel()
	r, id := shop(t)
	r.cluster.print("shop-a", "app", at(0), "I can be read")
	r.cluster.change(func() {
		r.cluster.answer = func(_ http.ResponseWriter, req *http.Request) bool {
			hangs := strings.HasSuffix(req.URL.Path, "/shop-b/log")
			if hangs {
				<-req.Context().Done()
			}
			return hangs
		}
	})
	v := watch(t, r.Manager, id, models.LogQuery{Follow: true})
	require.Equal(t, []string{"[shop-a] I can be read"}, v.lines(1))
	again := watch(t, r.Manager, id, models.LogQuery{})
	require.Equal(t, "these are all lines", again.ended())
	require.Equal(t, "[shop-b] the lines from before could not all be read: the cluster did not answer in time", again.told("[shop-b]"))
}
