package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// runs is what these handlers need.
type runs interface {
	Start(ctx context.Context, owner, id string, r models.RunRequest) (models.Run, error)
	Rollback(ctx context.Context, owner, id string, r models.RollbackRequest) (models.Run, error)
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
	r := models.RunRequest{Key: idempotencyKey(c)}
	if err := decodeOptional(c, &r); err != nil {
		return err
	}
	if err := r.Check().Err("handlers.Run.Start"); err != nil {
		return err
	}
	run, err := h.svc.Start(c.Request.Context(), caller(c).UserID, c.Param("id"), r)
	if err != nil {
		return err
	}
	return answerRun(c, run)
}

// Rollback answers POST /workflows/:id/rollback as Start does.
func (h *Run) Rollback(c *gin.Context) error {
	r := models.RollbackRequest{Key: idempotencyKey(c)}
	if err := decode(c, &r); err != nil {
		return err
	}
	if err := r.Check().Err("handlers.Run.Rollback"); err != nil {
		return err
	}
	run, err := h.svc.Rollback(c.Request.Context(), caller(c).UserID, c.Param("id"), r)
	if err != nil {
		return err
	}
	return answerRun(c, run)
}

func idempotencyKey(c *gin.Context) models.IdempotencyKey {
	return models.IdempotencyKey(c.GetHeader("Idempotency-Key"))
}

// answerRun answers with a run that a request began. A failed one is an error.
func answerRun(c *gin.Context, run models.Run) error {
	result := gin.H{"run_id": run.ID, "status": run.Status, "logs": run.Logs}
	if run.RestoredFrom > 0 {
		result["restored_from"] = run.RestoredFrom
	}
	if run.RolledBackTo > 0 {
		result["rolled_back_to"] = run.RolledBackTo
	}
	if run.Status == models.RunFailed {
		kind := models.Failed
		if run.Conflict { // the caller can rename a node
			kind = models.Conflict
		}
		return &models.Error{Op: "handlers.Run", Kind: kind, Msg: run.Error, Extra: result}
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
