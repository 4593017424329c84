package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/pkg/encryption"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/oauth"
	"github.com/kubeorch/core/services/catalogue"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/services/metrics"
	"github.com/kubeorch/core/services/run"
	"github.com/kubeorch/core/services/stream"
	"github.com/kubeorch/core/services/watcher"
	"github.com/kubeorch/core/utils/config"
)

// stopTimeout bounds the whole of stopping. The HTTP server alone may take
// httpStopTimeout of it.
const (
	stopTimeout     = 30 * time.Second
	httpStopTimeout = 10 * time.Second
)

// server is the running program: what the steps of starting leave for those
// of stopping. Parts that were not reached are nil.
type server struct {
	cfg     config.Config
	log     *slog.Logger
	metrics *prometheus.Registry

	box       *encryption.Box // seals what is stored
	db        *database.DB
	templates *catalogue.Templates
	kinds     *kinds.Registry
	parts     *parts
	engine    *gin.Engine
	http      listeners
	orders    orders
}

// parts are those of the services that have something to start or to stop.
type parts struct {
	connector *kubernetes.Connector
	peers     []*oauth.Provider
	events    *stream.Broadcaster
	watchers  *watcher.Manager
	executor  *run.Executor
	figures   *metrics.Service
	recovery  worker
	monitor   worker
	sessions  worker
}

// step is one named part of starting or stopping.
type step struct {
	name string
	do   func(context.Context) error
}

// serve runs the server until ctx ends or it fails.
func serve(ctx context.Context, cfg config.Config, log *slog.Logger) (err error) {
	gin.SetMode(cfg.GinMode)
	s := &server{cfg: cfg, log: log, metrics: prometheus.NewRegistry()}
	s.http.failed = make(chan error, 2)
	defer func() { err = errors.Join(err, s.stop(ctx)) }()
	if err := s.start(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.http.failed:
		return err
	}
}

// start brings the parts up in their order; the configuration has been loaded
// and checked before. The first failure ends it.
func (s *server) start(ctx context.Context) error {
	for _, step := range []step{
		{"database", s.openDatabase},
		{"secrets", s.loadSecrets},
		{"templates", s.loadTemplates},
		{"services", s.build},
		{"workers", s.startWorkers},
		{"orders", s.openOrders},
		{"http server", s.listen},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// stop takes the parts down in their order. Each gets its turn, also when an
// earlier one failed, and those that were never started have nothing to do.
func (s *server) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	var errs []error
	for _, step := range []step{
		{"new runs", s.refuseRuns},
		{"resource watchers", s.stopWatchers},
		{"event streams", s.closeStreams},
		{"workers and runs", s.stopWorkers},
		{"http server", s.http.stop},
		{"orders", s.orders.stop},
		{"cluster connections", s.disconnect},
		{"database", s.closeDatabase},
	} {
		s.log.DebugContext(ctx, "stopping", "part", step.name)
		if err := step.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", step.name, err))
		}
	}
	s.log.InfoContext(ctx, "stopped")
	return errors.Join(errs...)
}
