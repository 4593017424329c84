package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// profiles is what these handlers need of the users.
type profiles interface {
	Profile(ctx context.Context, userID string) (models.Profile, error)
	Rename(ctx context.Context, userID string, in models.ProfileInput) (models.UserView, error)
	ChangePassword(ctx context.Context, by models.Identity, in models.PasswordChange) error
}

// Profile serves /profile.
type Profile struct{ svc profiles }

// NewProfile returns handlers that act through svc.
func NewProfile(svc profiles) *Profile { return &Profile{svc} }

// Get answers GET /profile.
func (h *Profile) Get(c *gin.Context) error {
	p, err := h.svc.Profile(c.Request.Context(), caller(c).UserID)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, p)
	return nil
}

// Update answers PUT /profile.
func (h *Profile) Update(c *gin.Context) error {
	var in models.ProfileInput
	if err := decode(c, &in); err != nil {
		return err
	}
	u, err := h.svc.Rename(c.Request.Context(), caller(c).UserID, in)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"user": u})
	return nil
}

// ChangePassword answers PUT /profile/password.
func (h *Profile) ChangePassword(c *gin.Context) error {
	var in models.PasswordChange
	if err := decode(c, &in); err != nil {
		return err
	}
	if err := h.svc.ChangePassword(c.Request.Context(), caller(c), in); err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "the password was changed"})
	return nil
}
