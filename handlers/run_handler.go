package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// runs is what these handlers need.
type runs interface {
	Run(ctx context.Context, owner, id string, typed models.TriggerData) (models.Run, error)
	List(ctx context.Context, owner, id string, limit int) ([]models.Run, error)
	Get(ctx context.Context, owner, id, runID string) (models.Run, error)
	Cancel(ctx context.Context, owner, id, runID string) error
}

// Run serves /workflows/:id/run and /workflows/:id/runs.
type Run struct{ svc runs }

// NewRun returns handlers that act through svc.
func NewRun(svc runs) *Run { return &Run{svc} }

// Start answers POST /workflows/:id/run when the run has ended, or with the
// status running when it takes long.
func (h *Run) Start(c *gin.Context) error {
	var in struct {
		TriggerData models.TriggerData `json:"trigger_data"`
	}
	if err := decodeOptional(c, &in); err != nil {
		return err
	}
	if err := in.TriggerData.Check().Err("handlers.Run.Start"); err != nil {
		return err
	}
	run, err := h.svc.Run(c.Request.Context(), caller(c).UserID, c.Param("id"), in.TriggerData)
	if err != nil {
		return err
	}
	result := gin.H{"run_id": run.ID, "status": run.Status, "logs": run.Logs}
	if run.Status == models.RunFailed {
		kind := models.Failed
		if run.Conflict { // the caller can rename a node
			kind = models.Conflict
		}
		return &models.Error{Op: "handlers.Run.Start", Kind: kind, Msg: run.Error, Extra: result}
	}
	result["message"] = runMessage(run.Status)
	c.JSON(http.StatusOK, result)
	return nil
}

func runMessage(status string) string {
	switch status {
	case models.RunRunning:
		return "workflow is being applied"
	case models.RunCancelled:
		return "run cancelled"
	default:
		return "workflow applied"
	}
}

// List answers GET /workflows/:id/runs.
func (h *Run) List(c *gin.Context) error {
	const limit, maxLimit = 10, 100
	list, err := h.svc.List(c.Request.Context(), caller(c).UserID, c.Param("id"), queryInt(c, "limit", limit, maxLimit))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"runs": list})
	return nil
}

// Get answers GET /workflows/:id/runs/:runId.
func (h *Run) Get(c *gin.Context) error {
	run, err := h.svc.Get(c.Request.Context(), caller(c).UserID, c.Param("id"), c.Param("runId"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, run)
	return nil
}

// Cancel answers POST /workflows/:id/runs/:runId/cancel.
func (h *Run) Cancel(c *gin.Context) error {
	if err := h.svc.Cancel(c.Request.Context(), caller(c).UserID, c.Param("id"), c.Param("runId")); err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "the run is being cancelled"})
	return nil
}
