package handlers

import (
	"context"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// plans is what these handlers need.
type plans interface {
	Plan(ctx context.Context, owner, id string, typed models.TriggerData, o models.RunOptions) (models.RunPlan, error)
	Manifests(ctx context.Context, owner, id, nodeID string) ([]byte, error)
}

// Plan serves what a run of a workflow would do and apply.
type Plan struct{ svc plans }

// NewPlan returns handlers that act through svc.
func NewPlan(svc plans) *Plan { return &Plan{svc} }

// Make answers POST /workflows/:id/plan. It takes the body of a run.
func (h *Plan) Make(c *gin.Context) error {
	var in struct {
		models.RunOptions

		TriggerData models.TriggerData `json:"trigger_data"`
	}
	if err := decodeOptional(c, &in); err != nil {
		return err
	}
	problems := slices.Concat(in.RunOptions.Check(), in.TriggerData.Check())
	if err := problems.Err("handlers.Plan.Make"); err != nil {
		return err
	}
	p, err := h.svc.Plan(c.Request.Context(), caller(c).UserID, c.Param("id"), in.TriggerData, in.RunOptions)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, p)
	return nil
}

// Manifests answers GET /workflows/:id/manifests.
func (h *Plan) Manifests(c *gin.Context) error {
	text, err := h.svc.Manifests(c.Request.Context(), caller(c).UserID, c.Param("id"), c.Query("node"))
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, "application/yaml", text)
	return nil
}
