package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// logins is what these handlers need of the accounts.
type logins interface {
	Register(ctx context.Context, r models.Registration) (models.Session, error)
	Login(ctx context.Context, l models.Login) (models.Session, error)
	Refresh(ctx context.Context, id models.Identity) (models.Session, error)
	Methods() models.AuthMethods
}

// Auth serves /auth.
type Auth struct{ svc logins }

// NewAuth returns handlers that act through svc.
func NewAuth(svc logins) *Auth { return &Auth{svc} }

// Register answers POST /auth/register.
func (h *Auth) Register(c *gin.Context) error {
	var in models.Registration
	if err := decode(c, &in); err != nil {
		return err
	}
	s, err := h.svc.Register(c.Request.Context(), in)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, s)
	return nil
}

// Login answers POST /auth/login.
func (h *Auth) Login(c *gin.Context) error {
	var in models.Login
	if err := decode(c, &in); err != nil {
		return err
	}
	s, err := h.svc.Login(c.Request.Context(), in)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, s)
	return nil
}

// Refresh answers POST /auth/refresh, which also takes a token that has
// expired.
func (h *Auth) Refresh(c *gin.Context) error {
	s, err := h.svc.Refresh(c.Request.Context(), caller(c))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, s)
	return nil
}

// Methods answers GET /auth/methods.
func (h *Auth) Methods(c *gin.Context) error {
	c.JSON(http.StatusOK, h.svc.Methods())
	return nil
}
