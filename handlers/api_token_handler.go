package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// apiTokens is what these handlers need.
type apiTokens interface {
	Create(ctx context.Context, userID string, in models.APITokenInput) (models.NewAPIToken, error)
	List(ctx context.Context, userID string) ([]models.APIToken, error)
	ListOf(ctx context.Context, userID string) ([]models.APIToken, error)
	Revoke(ctx context.Context, userID, id string) error
}

// APIToken serves /profile/tokens, and /admin/users/:id/tokens for
// administrators.
type APIToken struct{ svc apiTokens }

// NewAPIToken returns handlers that act through svc.
func NewAPIToken(svc apiTokens) *APIToken { return &APIToken{svc} }

// Create answers POST /profile/tokens.
func (h *APIToken) Create(c *gin.Context) error {
	var in models.APITokenInput
	if err := decode(c, &in); err != nil {
		return err
	}
	t, err := h.svc.Create(c.Request.Context(), caller(c).UserID, in)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, t)
	return nil
}

// List answers GET /profile/tokens.
func (h *APIToken) List(c *gin.Context) error {
	list, err := h.svc.List(c.Request.Context(), caller(c).UserID)
	return answerTokens(c, list, err)
}

// ListOf answers GET /admin/users/:id/tokens.
func (h *APIToken) ListOf(c *gin.Context) error {
	list, err := h.svc.ListOf(c.Request.Context(), c.Param("id"))
	return answerTokens(c, list, err)
}

// Revoke answers DELETE /profile/tokens/:id.
func (h *APIToken) Revoke(c *gin.Context) error { return h.revoke(c, caller(c).UserID, c.Param("id")) }

// RevokeOf answers DELETE /admin/users/:id/tokens/:tokenId.
func (h *APIToken) RevokeOf(c *gin.Context) error {
	return h.revoke(c, c.Param("id"), c.Param("tokenId"))
}

func answerTokens(c *gin.Context, list []models.APIToken, err error) error {
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"tokens": list})
	return nil
}

func (h *APIToken) revoke(c *gin.Context, userID, id string) error {
	if err := h.svc.Revoke(c.Request.Context(), userID, id); err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "the API token was revoked"})
	return nil
}
