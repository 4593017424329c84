package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// leftovers is what these handlers need.
type leftovers interface {
	Leftovers(ctx context.Context, owner, id string) ([]models.Leftover, error)
	RemoveLeftovers(ctx context.Context, owner, id string, in models.LeftoverRemoval) (models.LeftoverResult, error)
}

// Leftover serves /workflows/:id/leftovers.
type Leftover struct{ svc leftovers }

// NewLeftover returns handlers that act through svc.
func NewLeftover(svc leftovers) *Leftover { return &Leftover{svc} }

// List answers GET /workflows/:id/leftovers.
func (h *Leftover) List(c *gin.Context) error {
	list, err := h.svc.Leftovers(c.Request.Context(), caller(c).UserID, c.Param("id"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"leftovers": list})
	return nil
}

// Remove answers DELETE /workflows/:id/leftovers. What became of each object is in the
// answer, also where some could not be removed.
func (h *Leftover) Remove(c *gin.Context) error {
	var in models.LeftoverRemoval
	if err := decode(c, &in); err != nil {
		return err
	}
	if err := in.Check().Err("handlers.Leftover.Remove"); err != nil {
		return err
	}
	result, err := h.svc.RemoveLeftovers(c.Request.Context(), caller(c).UserID, c.Param("id"), in)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, result)
	return nil
}
