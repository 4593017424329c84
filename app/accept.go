package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/kubeorch/core/models"
)

// acceptPause is how long the server is not ready after it could not accept a
// connection, and the least time between two log lines about it.
const acceptPause = 10 * time.Second

// acceptErrors records that listeners cannot accept connections, most often for
// want of file descriptors. net/http tries again by itself and in silence.
type acceptErrors struct {
	last   atomic.Pointer[time.Time]
	count  atomic.Int64
	logged rate.Sometimes
}

func newAcceptErrors() *acceptErrors {
	return &acceptErrors{logged: rate.Sometimes{Interval: acceptPause}}
}

// watch returns ln, whose failures are recorded.
func (a *acceptErrors) watch(ln net.Listener, log *slog.Logger) net.Listener {
	return &watchedListener{ln, a, log}
}

// ready is an error for a while after the last failure.
func (a *acceptErrors) ready(context.Context) error {
	if last := a.last.Load(); last != nil && time.Since(*last) < acceptPause {
		return &models.Error{Op: "app.acceptErrors", Kind: models.Unavailable, Msg: "connections could not be accepted"}
	}
	return nil
}

type watchedListener struct {
	net.Listener

	errors *acceptErrors
	log    *slog.Logger
}

// Accept waits for the next connection.
func (l *watchedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		now := time.Now()
		l.errors.last.Store(&now)
		failures := l.errors.count.Add(1)
		l.errors.logged.Do(func() {
			l.log.Warn("connections cannot be accepted", "addr", l.Addr().String(), "err", err, "failures", failures)
		})
	}
	return conn, err
}
