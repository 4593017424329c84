package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// personalInvites is what these handlers need of the invites.
type personalInvites interface {
	Create(ctx context.Context, by models.Identity, in models.InviteInput) (models.CreatedInvite, error)
	List(ctx context.Context, page, limit int) (models.Invites, error)
	Revoke(ctx context.Context, id string) (models.Invite, error)
}

// Invite serves /settings/invites.
type Invite struct{ svc personalInvites }

// NewInvite returns handlers that act through svc.
func NewInvite(svc personalInvites) *Invite { return &Invite{svc} }

// Create answers POST /settings/invites. Without a body the invite is for
// anybody.
func (h *Invite) Create(c *gin.Context) error {
	var in models.InviteInput
	if err := decodeOptional(c, &in); err != nil {
		return err
	}
	made, err := h.svc.Create(c.Request.Context(), caller(c), in)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, made)
	return nil
}

// List answers GET /settings/invites.
func (h *Invite) List(c *gin.Context) error {
	const limit, maxLimit = 20, 100
	page, err := h.svc.List(c.Request.Context(), queryInt(c, "page", 1, 1<<20), queryInt(c, "limit", limit, maxLimit))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, page)
	return nil
}

// Revoke answers DELETE /settings/invites/:id.
func (h *Invite) Revoke(c *gin.Context) error {
	i, err := h.svc.Revoke(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"invite": i, "message": "the invite was revoked"})
	return nil
}
