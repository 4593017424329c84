package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// invites is what these handlers need of the settings.
type invites interface {
	Invites(ctx context.Context) (models.InviteSettings, error)
	SetRegenerate(ctx context.Context, in models.InvitePatch) (models.InviteSettings, error)
	NewInviteCode(ctx context.Context) (models.InviteSettings, error)
}

// Settings serves /settings.
type Settings struct{ svc invites }

// NewSettings returns handlers that act through svc.
func NewSettings(svc invites) *Settings { return &Settings{svc} }

// Invites answers GET /settings/regenerate-setting.
func (h *Settings) Invites(c *gin.Context) error {
	s, err := h.svc.Invites(c.Request.Context())
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, s)
	return nil
}

// SetRegenerate answers PUT /settings/regenerate-setting.
func (h *Settings) SetRegenerate(c *gin.Context) error {
	var in models.InvitePatch
	if err := decode(c, &in); err != nil {
		return err
	}
	s, err := h.svc.SetRegenerate(c.Request.Context(), in)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"regenerateAfterSignup": s.RegenerateAfterSignup, "message": "the setting was saved"})
	return nil
}

// NewInviteCode answers POST /settings/generate-invite-code.
func (h *Settings) NewInviteCode(c *gin.Context) error {
	s, err := h.svc.NewInviteCode(c.Request.Context())
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"inviteCode": s.InviteCode})
	return nil
}

// InviteCode answers GET /settings/invite-code.
func (h *Settings) InviteCode(c *gin.Context) error {
	s, err := h.svc.Invites(c.Request.Context())
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"inviteCode": s.InviteCode})
	return nil
}
