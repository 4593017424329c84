package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// audit is what these handlers need.
type audit interface {
	List(ctx context.Context, q models.AuditQuery) (models.AuditPage, error)
}

// Audit serves /admin/audit.
type Audit struct{ svc audit }

// NewAudit returns handlers that act through svc.
func NewAudit(svc audit) *Audit { return &Audit{svc} }

// List answers GET /admin/audit.
func (h *Audit) List(c *gin.Context) error {
	const limit, maxLimit = 50, 200
	page, err := h.svc.List(c.Request.Context(), models.AuditQuery{
		Actor: c.Query("actor"), Action: c.Query("action"), Outcome: c.Query("outcome"),
		Target: c.Query("target"), Address: c.Query("address"), From: c.Query("from"), To: c.Query("to"),
		Page: queryInt(c, "page", 1, models.MaxAuditTotal), Limit: queryInt(c, "limit", limit, maxLimit),
	})
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, page)
	return nil
}
