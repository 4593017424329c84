package kubernetes_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// screen keeps what a terminal prints.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// through connects to the API server at a URL and counts the connections that are
// dialled.
func through(t *testing.T, at string) (*kubernetes.Connection, *atomic.Int32) {
	t.Helper()
	var dialled atomic.Int32
	connector := kubernetes.NewConnector(kubernetes.Options{AllowHTTP: true, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialled.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}})
	t.Cleanup(connector.Close)
	c := shared.Cluster(t)
	conn, err := connector.Open(kubernetes.Config{Server: at, AuthType: kubernetes.AuthToken, Token: c.Token(), CAData: string(c.CA())})
	require.NoError(t, err)
	t.Cleanup(func() { connector.Discard(conn) })
	return conn, &dialled
}

// fixed is the only size of a terminal.
func fixed(ctx context.Context, size kubernetes.TerminalSize) func() (kubernetes.TerminalSize, bool) {
	sent := false
	return func() (kubernetes.TerminalSize, bool) {
		if !sent {
			sent = true
			return size, true
		}
		<-ctx.Done()
		return size, false
	}
}

func TestExecInATerminal(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	in := c.Namespace(t)
	c.Pod(t, in, "web", "web")
	for name, refuse := range map[string]bool{"by WebSocket": false, "by SPDY, where WebSockets are refused": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := c.Proxy(t, refuse)
			conn, dialled := through(t, proxy.URL)
			run := func(pod, container, command, input string) (string, error) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				keyboard, typed := io.Pipe()
				defer keyboard.Close()
				go func() { _, _ = io.WriteString(typed, input) }()
				var out screen
				err := conn.Exec(ctx, kubernetes.ExecTarget{Namespace: in, Pod: pod, Container: container, Command: []string{command}},
					kubernetes.TerminalStreams{Input: keyboard, Output: &out, NextSize: fixed(ctx, kubernetes.TerminalSize{Rows: 33, Cols: 99})})
				return out.String(), err
			}
			out, err := run("web", "web", "/bin/sh", "sleep 0.2; stty size; exit 3\n")
			var exit *kubernetes.ExitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, 3, exit.Code)
			require.Contains(t, out, "33 99")
			require.Equal(t, refuse, proxy.WebSockets.Load() == 0)
			require.Equal(t, refuse, proxy.SPDY.Load() > 0)
			require.Positive(t, dialled.Load(), "past the guard of addresses")

			_, err = run("web", "web", "/bin/sh", "exit\n")
			require.NoError(t, err)
			_, err = run("web", "web", "/bin/fish", "")
			require.Equal(t, kubernetes.NoCommand, kubernetes.ReasonOf(err), "%v", err)
			_, err = run("web", "web", "fish", "")
			require.Equal(t, kubernetes.NoCommand, kubernetes.ReasonOf(err), "%v", err)
			_, err = run("gone", "web", "/bin/sh", "")
			require.Equal(t, kubernetes.NotFound, kubernetes.ReasonOf(err), "%v", err)
			require.ErrorContains(t, err, "gone")
			_, err = run("web", "nobody", "/bin/sh", "")
			require.ErrorContains(t, err, "nobody")
		})
	}
}

// A shell that waits ends with its context, and so does a handshake.
func TestExecEnds(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	in := c.Namespace(t)
	c.Pod(t, in, "web", "web")
	for name, refuse := range map[string]bool{"by WebSocket": false, "by SPDY": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, _ := through(t, c.Proxy(t, refuse).URL)
			ctx, cancel := context.WithCancel(t.Context())
			keyboard, typed := io.Pipe()
			defer keyboard.Close()
			go func() { _, _ = io.WriteString(typed, "echo rea''dy; sleep 1000\n") }()
			var out screen
			ended := make(chan error)
			go func() {
				ended <- conn.Exec(ctx, kubernetes.ExecTarget{Namespace: in, Pod: "web", Container: "web", Command: []string{"sh"}},
					kubernetes.TerminalStreams{Input: keyboard, Output: &out, NextSize: fixed(ctx, kubernetes.TerminalSize{Rows: 1, Cols: 1})})
			}()
			require.Eventually(t, func() bool { return strings.Contains(out.String(), "ready") }, 20*time.Second, 10*time.Millisecond)
			cancel()
			require.Error(t, <-ended)
		})
	}
}

func TestExecInAClusterThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		connector := kubernetes.NewConnector(kubernetes.Options{AllowHTTP: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, server) }()
			return client, nil
		}})
		defer connector.Close()
		conn, err := connector.Open(kubernetes.Config{Server: "http://api.example.org", AuthType: kubernetes.AuthToken, Token: "token-of-mine"})
		require.NoError(t, err)
		defer connector.Discard(conn)
		begin := time.Now()
		err = conn.Exec(t.Context(), kubernetes.ExecTarget{Namespace: "a", Pod: "b", Command: []string{"sh"}}, kubernetes.TerminalStreams{})
		require.Equal(t, kubernetes.Timeout, kubernetes.ReasonOf(err), "%v", err)
		require.Equal(t, 20*time.Second, time.Since(begin))
	})
}
