package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// clusterLogs is what these handlers need.
type clusterLogs interface {
	List(ctx context.Context, userID, name string, limit int) (models.ClusterLogList, error)
}

// ClusterLog serves /clusters/:name/logs.
type ClusterLog struct{ svc clusterLogs }

// NewClusterLog returns handlers that act through svc.
func NewClusterLog(svc clusterLogs) *ClusterLog { return &ClusterLog{svc} }

// List answers GET /clusters/:name/logs.
func (h *ClusterLog) List(c *gin.Context) error {
	const limit, maxLimit = 100, 1000
	list, err := h.svc.List(c.Request.Context(), caller(c).UserID, c.Param("name"), queryInt(c, "limit", limit, maxLimit))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, list)
	return nil
}
