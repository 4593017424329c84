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

// maxHeader bounds the headers of a request. The longest that counts, a token,
// has 8 KB.
const maxHeader = 32 << 10

// listeners are the HTTP servers of the process. Without any it is stopped.
type listeners struct {
	servers []*server
	serving sync.WaitGroup
	failed  chan error
	errors  *acceptErrors
}

type server struct {
	*http.Server

	connections connections
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
	srv := &server{Server: &http.Server{
		Handler: h,
		// No bound on reading and writing as a whole: streams stay open. The
		// routes that are none set their own.
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	srv.connections.attach(srv.Server)
	l.servers = append(l.servers, srv)
	l.serving.Go(func() {
		if err := srv.Serve(l.errors.watch(ln, log)); !errors.Is(err, http.ErrServerClosed) {
			l.failed <- fmt.Errorf("serve %s: %w", addr, err)
		}
	})
	log.InfoContext(ctx, what, "addr", ln.Addr().String())
	return nil
}

// StopHTTP lets requests finish for a while, then cuts them off. Requests that
// are still arriving are not waited for.
func (s *Server) StopHTTP(ctx context.Context) error {
	if s.bodies != nil {
		s.bodies.Stop()
	}
	return s.http.stop(ctx, s.log)
}

func (l *listeners) stop(ctx context.Context, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, httpStopTimeout)
	defer cancel()
	var errs []error
	for _, srv := range l.servers {
		srv.connections.stopReading()
		err := srv.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			log.WarnContext(ctx, "requests were cut off")
			err = srv.Close()
		}
		errs = append(errs, err)
	}
	l.serving.Wait()
	return errors.Join(errs...)
}
