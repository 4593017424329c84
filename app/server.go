// Package app joins repositories, services and handlers into the server. Its
// steps, in which the server comes up and goes down, are the methods of Server;
// main has their order.
package app

import (
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/encryption"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/oauth"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services/catalogue"
	"github.com/kubeorch/core/services/drift"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/services/lease"
	"github.com/kubeorch/core/services/metrics"
	"github.com/kubeorch/core/services/podlog"
	"github.com/kubeorch/core/services/run"
	"github.com/kubeorch/core/services/stream"
	"github.com/kubeorch/core/services/terminal"
	"github.com/kubeorch/core/services/watcher"
	"github.com/kubeorch/core/utils/config"
)

// httpStopTimeout is how long requests may go on when the server stops.
const httpStopTimeout = 10 * time.Second

// Server is the running program. The steps that start it leave here what those
// that stop it need. A step that was never reached leaves nothing, and the one
// that stops it has nothing to do.
type Server struct {
	cfg     config.Config
	log     *slog.Logger
	metrics *prometheus.Registry

	box        *encryption.Box // seals what is stored
	db         *database.DB
	identity   database.Identity
	jwtInFile  bool // JWT_SECRET is not configured
	session    *lease.Session
	beating    worker // keeps session
	templates  *catalogue.Templates
	plugins    []models.Plugin
	kinds      *kinds.Registry
	background *background
	engine     *gin.Engine
	bodies     *routes.Bodies
	http       listeners
	control    controlSocket
}

// background are the services that have something to start or to stop.
type background struct {
	connector *kubernetes.Connector
	providers []*oauth.Provider
	events    *stream.Broadcaster
	watchers  *watcher.Manager
	detector  *drift.Detector
	logs      *podlog.Manager
	terminals *terminal.Service
	executor  *run.Executor
	metrics   *metrics.Service
	recovery  worker
	relay     worker
	balancer  worker
	others    peers
	retention worker
	monitor   worker
	sessions  worker
	access    worker
	syncer    worker
	sweeper   worker
	resources worker

	driftKeeper worker
}

// New returns a server that has not been started. Its configuration has been
// checked.
func New(cfg config.Config, log *slog.Logger) *Server {
	gin.SetMode(cfg.GinMode)
	s := &Server{cfg: cfg, log: log, metrics: prometheus.NewRegistry()}
	s.http.failed, s.http.errors = make(chan error, 2), newAcceptErrors()
	return s
}

// Failed delivers the error of an HTTP listener that ended by itself.
func (s *Server) Failed() <-chan error { return s.http.failed }
