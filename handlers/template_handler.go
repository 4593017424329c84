package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// templates is what these handlers need.
type templates interface {
	List() []models.TemplateMetadata
}

// Template serves /templates.
type Template struct{ svc templates }

// NewTemplate returns handlers that act through svc.
func NewTemplate(svc templates) *Template { return &Template{svc} }

// List answers GET /templates.
func (h *Template) List(c *gin.Context) error {
	c.JSON(http.StatusOK, gin.H{"templates": h.svc.List()})
	return nil
}
