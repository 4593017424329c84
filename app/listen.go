package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// listeners are the HTTP servers of the process. Without any it is stopped.
type listeners struct {
	servers []*http.Server
	serving sync.WaitGroup
	failed  chan error
}

// Listen opens the ports. It is the last step of starting: what answers is
// ready.
func (s *Server) Listen(ctx context.Context) error {
	if s.cfg.MetricsListen != "" {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{}))
		if err := s.http.open(ctx, s.log, "metrics", s.cfg.MetricsListen, mux); err != nil {
			return err
		}
	}
	return s.http.open(ctx, s.log, "listening", net.JoinHostPort(s.cfg.Host, strconv.Itoa(s.cfg.Port)), s.engine)
}

func (l *listeners) open(ctx context.Context, log *slog.Logger, what, addr string, h http.Handler) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler: h,
		// No bound on reading and writing as a whole: streams stay open. The
		// routes that are none set their own.
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    256 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	l.servers = append(l.servers, srv)
	l.serving.Go(func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			l.failed <- fmt.Errorf("serve %s: %w", addr, err)
		}
	})
	log.InfoContext(ctx, what, "addr", ln.Addr().String())
	return nil
}

// StopHTTP lets requests finish for a while, then cuts them off.
func (s *Server) StopHTTP(ctx context.Context) error { return s.http.stop(ctx) }

func (l *listeners) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, httpStopTimeout)
	defer cancel()
	var errs []error
	for _, srv := range l.servers {
		if err := srv.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("requests were cut off: %w", err), srv.Close())
		}
	}
	l.serving.Wait()
	return errors.Join(errs...)
}
