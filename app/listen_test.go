package app

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// dial connects to l and sends text.
func dial(t *testing.T, addr, text string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	return conn
}

func readAnswer(t *testing.T, conn net.Conn) string {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(text)
}

// open starts a server and returns where it listens.
func openServer(t *testing.T, l *listeners, h http.Handler) (addr string) {
	t.Helper()
	var out strings.Builder
	l.failed, l.errors = make(chan error, 1), newAcceptErrors()
	require.NoError(t, l.open(t.Context(), slog.New(slog.NewTextHandler(&out, nil)), "listening", "127.0.0.1:0", h))
	return regexp.MustCompile(`addr=(\S+)`).FindStringSubmatch(out.String())[1]
}

// A stop does not wait for clients that send nothing, or do not send on; a
// request that has arrived is answered.
func TestStopWaitsForNoSilentClient(t *testing.T) {
	t.Parallel()
	entered, finish := make(chan struct{}), make(chan struct{})
	var l listeners
	addr := openServer(t, &l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(entered)
			<-finish
		}
		_, _ = io.WriteString(w, "done")
	}))
	const request = " HTTP/1.1\r\nHost: x\r\n"
	idle := dial(t, addr, "GET /"+request+"\r\n")
	require.Equal(t, "done", readAnswer(t, idle))
	silent := []net.Conn{
		dial(t, addr, ""),
		dial(t, addr, "GET /"),
		dial(t, addr, "GET /"+request+"X-Half: "),
		dial(t, addr, "POST /"+request+"Content-Length: 100\r\n\r\n{"), // which nobody reads, but net/http
		dial(t, addr, "POST /"+request+"Content-Length: 100000000\r\n\r\n{"),
	}
	working := dial(t, addr, "GET /slow"+request+"\r\n")
	<-entered
	require.Eventually(t, func() bool {
		l.servers[0].connections.mu.Lock()
		defer l.servers[0].connections.mu.Unlock()
		return len(l.servers[0].connections.open) == len(silent)+2
	}, 5*time.Second, time.Millisecond)

	begin, ended := time.Now(), make(chan error)
	go func() { ended <- l.stop(context.WithoutCancel(t.Context()), slog.New(slog.DiscardHandler)) }()
	for _, conn := range append(silent, idle) {
		_, err := io.Copy(io.Discard, conn) // until the server closes it
		_ = err                             // which may be a reset
	}
	require.Less(t, time.Since(begin), 4*time.Second, "net/http waits 5 seconds for silent clients, and longer for others")
	select {
	case err := <-ended:
		require.Fail(t, "a request was not waited for", "%v", err)
	default:
	}
	close(finish)
	require.Equal(t, "done", readAnswer(t, working))
	require.NoError(t, <-ended)
}

func TestStopCutsOffWhatGoesOn(t *testing.T) {
	t.Parallel()
	entered, finish := make(chan struct{}), make(chan struct{})
	var l listeners
	addr := openServer(t, &l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(finish)
	}))
	dial(t, addr, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.NoError(t, l.stop(ctx, slog.New(slog.DiscardHandler)), "a stop in time is no failure")
	<-finish
}
