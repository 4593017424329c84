package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// checkTimeout bounds all checks of one readiness probe together.
const checkTimeout = 2 * time.Second

// Check is one condition of readiness. Ready returns nil, or the reason why the
// server is not ready; it is safe for concurrent use.
type Check struct {
	Name  string
	Ready func(ctx context.Context) error
}

// Health serves probes and metrics.
type Health struct {
	log     *slog.Logger
	checks  []Check
	metrics http.Handler
}

// NewHealth returns handlers that run checks in their order, and serve metrics
// at /metrics unless that is nil.
func NewHealth(log *slog.Logger, metrics http.Handler, checks ...Check) *Health {
	return &Health{log, checks, metrics}
}

// Live answers GET /healthz: the process runs and answers.
func (h *Health) Live(c *gin.Context) error {
	c.JSON(http.StatusOK, gin.H{"status": "ok"})
	return nil
}

// Ready answers GET /readyz: 200 when every check passes, else 503, with the
// outcome of each check. Reasons are only logged, since the route is public.
func (h *Health) Ready(c *gin.Context) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), checkTimeout)
	defer cancel()
	code, status, results := http.StatusOK, "ready", make(map[string]string, len(h.checks))
	for _, check := range h.checks {
		results[check.Name] = "ready"
		if err := check.Ready(ctx); err != nil {
			h.log.WarnContext(ctx, "not ready", "check", check.Name, "err", err)
			code, status, results[check.Name] = http.StatusServiceUnavailable, "not ready", "not ready"
		}
	}
	c.JSON(code, gin.H{"status": status, "checks": results})
	return nil
}

// Welcome answers GET /v1.
func (h *Health) Welcome(c *gin.Context) error {
	c.JSON(http.StatusOK, gin.H{"message": "KubeOrch API", "status": "success"})
	return nil
}

// Metrics answers GET /metrics in the Prometheus text format.
func (h *Health) Metrics(c *gin.Context) error {
	if h.metrics == nil {
		return &models.Error{Op: "handlers.Health.Metrics", Kind: models.NotFound, Msg: "the metrics have a port of their own"}
	}
	h.metrics.ServeHTTP(c.Writer, c.Request)
	return nil
}
