package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// serverDirectory is what these handlers need.
type serverDirectory interface {
	List(ctx context.Context) ([]models.ServerView, error)
}

// Server serves /admin/servers.
type Server struct{ svc serverDirectory }

// NewServer returns handlers that act through svc.
func NewServer(svc serverDirectory) *Server { return &Server{svc} }

// List answers GET /admin/servers.
func (h *Server) List(c *gin.Context) error {
	list, err := h.svc.List(c.Request.Context())
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"servers": list})
	return nil
}
