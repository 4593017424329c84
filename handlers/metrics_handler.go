package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// metrics is what these handlers need.
type metrics interface {
	Overview(ctx context.Context, userID string) (models.MetricsOverview, error)
	Resources(ctx context.Context, userID string, f models.MetricsFilter) ([]models.MetricsResource, error)
}

// Metrics serves metrics across clusters.
type Metrics struct{ svc metrics }

// NewMetrics returns handlers that act through svc.
func NewMetrics(svc metrics) *Metrics { return &Metrics{svc} }

// Overview answers GET /metrics/overview.
func (h *Metrics) Overview(c *gin.Context) error {
	o, err := h.svc.Overview(c.Request.Context(), caller(c).UserID)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, o)
	return nil
}

// Resources answers GET /metrics/resources.
func (h *Metrics) Resources(c *gin.Context) error {
	rows, err := h.svc.Resources(c.Request.Context(), caller(c).UserID, models.MetricsFilter{
		Cluster: c.Query("cluster"), Type: c.Query("type"), Namespace: c.Query("namespace"),
	})
	if err != nil {
		return err
	}
	if rows == nil {
		rows = []models.MetricsResource{}
	}
	c.JSON(http.StatusOK, gin.H{"resources": rows})
	return nil
}
