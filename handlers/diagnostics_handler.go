package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// diagnoses is what these handlers need.
type diagnoses interface {
	Diagnose(ctx context.Context, owner, id, nodeID string) (models.Diagnosis, error)
}

// Diagnostics serves /workflows/:id/nodes/:nodeId.
type Diagnostics struct{ svc diagnoses }

// NewDiagnostics returns handlers that act through svc.
func NewDiagnostics(svc diagnoses) *Diagnostics { return &Diagnostics{svc} }

// Get answers GET /workflows/:id/nodes/:nodeId/diagnostics.
func (h *Diagnostics) Get(c *gin.Context) error {
	d, err := h.svc.Diagnose(c.Request.Context(), caller(c).UserID, c.Param("id"), c.Param("nodeId"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, d)
	return nil
}
