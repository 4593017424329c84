package handlers

import (
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// diagnoses is what these handlers need.
type diagnoses interface {
	Diagnose(ctx context.Context, owner, id, nodeID string) (models.Diagnosis, error)
	Template(ctx context.Context, owner, id, nodeID, fixType string) (models.FixTemplate, error)
	Fix(ctx context.Context, owner, id, nodeID string, req models.FixRequest) (models.FixResult, error)
	Undo(ctx context.Context, owner, id, nodeID string) (models.FixResult, error)
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

// FixTemplate answers GET /workflows/:id/nodes/:nodeId/fix-template/:fixType.
func (h *Diagnostics) FixTemplate(c *gin.Context) error {
	t, err := h.svc.Template(c.Request.Context(), caller(c).UserID, c.Param("id"), c.Param("nodeId"), c.Param("fixType"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, t)
	return nil
}

// Fix answers POST /workflows/:id/nodes/:nodeId/fix.
func (h *Diagnostics) Fix(c *gin.Context) error {
	var req models.FixRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	err := req.Check().Err("handlers.Diagnostics.Fix")
	var res models.FixResult
	if err == nil {
		res, err = h.svc.Fix(c.Request.Context(), caller(c).UserID, c.Param("id"), c.Param("nodeId"), req)
	}
	return answerFix(c, res, models.FixFailure{FixType: req.FixType, Mode: req.Mode}, err)
}

// UndoFix answers POST /workflows/:id/nodes/:nodeId/fix/undo.
func (h *Diagnostics) UndoFix(c *gin.Context) error {
	res, err := h.svc.Undo(c.Request.Context(), caller(c).UserID, c.Param("id"), c.Param("nodeId"))
	return answerFix(c, res, models.FixFailure{FixType: res.FixType, Mode: res.Mode}, err)
}

// answerFix answers with res, or adds to err which fix it is of.
func answerFix(c *gin.Context, res models.FixResult, of models.FixFailure, err error) error {
	if err == nil {
		c.JSON(http.StatusOK, res)
		return nil
	}
	failed := models.Error{Op: "handlers.Diagnostics", Kind: models.KindOf(err)}
	if e, ok := errors.AsType[*models.Error](err); ok {
		failed = *e
	}
	failed.Extra, failed.Err = of, err
	return &failed
}
