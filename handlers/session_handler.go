package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// sessions is what these handlers need of the stored sessions.
type sessions interface {
	List(ctx context.Context, id models.Identity) ([]models.SessionView, error)
	End(ctx context.Context, userID, sessionID string) error
	EndOthers(ctx context.Context, id models.Identity) error
	EndAll(ctx context.Context, id models.Identity) error
	Ticket(ctx context.Context, id models.Identity) (models.Ticket, error)
}

// Session serves a person's sessions.
type Session struct{ svc sessions }

// NewSession returns handlers that act through svc.
func NewSession(svc sessions) *Session { return &Session{svc} }

// Logout answers POST /auth/logout, which also takes a token that has expired.
func (h *Session) Logout(c *gin.Context) error {
	id := caller(c)
	err := h.svc.End(c.Request.Context(), id.UserID, id.SessionID)
	if err != nil && models.KindOf(err) != models.NotFound { // NotFound: ended at the same moment
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "signed out"})
	return nil
}

// List answers GET /profile/sessions.
func (h *Session) List(c *gin.Context) error {
	list, err := h.svc.List(c.Request.Context(), caller(c))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"sessions": list})
	return nil
}

// End answers DELETE /profile/sessions/:id.
func (h *Session) End(c *gin.Context) error {
	if err := h.svc.End(c.Request.Context(), caller(c).UserID, c.Param("id")); err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "the session was ended"})
	return nil
}

// EndAll answers DELETE /profile/sessions: it ends all sessions except the
// caller's, and with ?current=true the caller's as well.
func (h *Session) EndAll(c *gin.Context) error {
	ctx, id := c.Request.Context(), caller(c)
	end, msg := h.svc.EndOthers, "all other sessions were ended"
	if c.Query("current") == "true" {
		end, msg = h.svc.EndAll, "all sessions were ended"
	}
	if err := end(ctx, id); err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": msg})
	return nil
}

// Ticket answers POST /auth/ws-ticket.
func (h *Session) Ticket(c *gin.Context) error {
	t, err := h.svc.Ticket(c.Request.Context(), caller(c))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, t)
	return nil
}
