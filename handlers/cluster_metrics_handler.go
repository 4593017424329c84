package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// clusterMetrics is what these handlers need.
type clusterMetrics interface {
	Metrics(ctx context.Context, userID, name string) (models.ClusterMetrics, error)
}

// ClusterMetrics serves the metrics of single clusters.
type ClusterMetrics struct{ svc clusterMetrics }

// NewClusterMetrics returns handlers that act through svc.
func NewClusterMetrics(svc clusterMetrics) *ClusterMetrics { return &ClusterMetrics{svc} }

// Get answers GET /clusters/:name/metrics.
func (h *ClusterMetrics) Get(c *gin.Context) error {
	m, err := h.svc.Metrics(c.Request.Context(), caller(c).UserID, c.Param("name"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, m)
	return nil
}
