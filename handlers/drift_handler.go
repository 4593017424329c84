package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// drifts is what these handlers need. Somebody else's workflow is NotFound.
type drifts interface {
	Get(ctx context.Context, owner, id string) (models.Drift, error)
	Set(ctx context.Context, owner, id string, p models.DriftPatch) (models.DriftSettings, error)
}

// Drift serves /workflows/:id/drift.
type Drift struct{ svc drifts }

// NewDrift returns handlers that act through svc.
func NewDrift(svc drifts) *Drift { return &Drift{svc} }

// Get answers GET /workflows/:id/drift.
func (h *Drift) Get(c *gin.Context) error {
	d, err := h.svc.Get(c.Request.Context(), caller(c).UserID, c.Param("id"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, d)
	return nil
}

// Set answers PUT /workflows/:id/drift.
func (h *Drift) Set(c *gin.Context) error {
	var in models.DriftPatch
	if err := decode(c, &in); err != nil {
		return err
	}
	s, err := h.svc.Set(c.Request.Context(), caller(c).UserID, c.Param("id"), in)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, s)
	return nil
}
