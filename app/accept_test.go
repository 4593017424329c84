package app

import (
	"bytes"
	"log/slog"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// failingListener fails to accept with err.
type failingListener struct {
	net.Listener

	err error
}

func (l *failingListener) Accept() (net.Conn, error) { return nil, l.err }

func (l *failingListener) Addr() net.Addr { return &net.TCPAddr{Port: 3000} }

func TestAcceptErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		a := newAcceptErrors()
		require.NoError(t, a.ready(t.Context()))
		inner := &failingListener{err: syscall.EMFILE}
		ln := a.watch(inner, slog.New(slog.NewTextHandler(&out, nil)))
		for range 100 {
			_, err := ln.Accept()
			require.ErrorIs(t, err, syscall.EMFILE)
			require.Error(t, a.ready(t.Context()))
		}
		require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("level=WARN")), out.String())
		require.Contains(t, out.String(), "too many open files")
		time.Sleep(acceptPause - time.Millisecond)
		require.Error(t, a.ready(t.Context()))
		time.Sleep(time.Millisecond)
		require.NoError(t, a.ready(t.Context()), "connections are accepted again")

		_, _ = ln.Accept()
		require.Contains(t, out.String(), "failures=101")
		time.Sleep(acceptPause)
		inner.err = net.ErrClosed
		_, _ = ln.Accept()
		require.NoError(t, a.ready(t.Context()), "a stop is no failure")
	})
}
