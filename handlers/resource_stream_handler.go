package handlers

import (
	"context"
	"log/slog"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// streamedResources reads resources and has their changes published.
type streamedResources interface {
	// Hold returns a resource that the user may see, and a context that ends when they
	// may not any more.
	Hold(ctx context.Context, userID, id string, action models.ClusterAction) (
		r models.Resource, held context.Context, release context.CancelFunc, err error)
	Object(ctx context.Context, userID, id string, action models.ClusterAction) (models.Resource, error)
	Want(id string) (release func())
}

// ResourceStream serves the live states of resources.
type ResourceStream struct {
	svc       streamedResources
	subscribe Subscribe
	log       *slog.Logger
}

// NewResourceStream returns a handler that reads resources from svc and their changes
// from the streams of subscribe. Panics of a stream are logged to log.
func NewResourceStream(svc streamedResources, subscribe Subscribe, log *slog.Logger) *ResourceStream {
	return &ResourceStream{svc: svc, subscribe: subscribe, log: log}
}

// Stream answers GET /resources/:id/stream: the resource first, then each change of its
// status for as long as the reader stays and may see it.
func (h *ResourceStream) Stream(c *gin.Context) error {
	id, user := c.Param("id"), caller(c).UserID
	if !models.ValidID(id) {
		return &models.Error{Op: "handlers.ResourceStream.Stream", Kind: models.NotFound, Msg: "resource not found"}
	}
	sub, err := h.subscribe(models.ResourceStream(id), c.GetHeader("Last-Event-ID"))
	if err != nil {
		return err
	}
	unwant := h.svc.Want(id)
	r, err := h.svc.Object(c.Request.Context(), user, id, models.ClusterRead)
	if err != nil {
		unwant()
		sub.Close()
		return err
	}
	s := openStream(c, h.log)
	_ = s.event(sub.Position(), models.EventMetadata, snapshotOf(r)) // a reader that has left fails the next send, too
	s.serve(c.Request.Context(), func(ctx context.Context) {
		defer sub.Close()
		defer unwant()
		_, held, release, err := h.svc.Hold(ctx, user, id, models.ClusterRead)
		if err != nil {
			_ = s.event("", "error", models.MessageOf(err)) // the access has just been withdrawn
			return
		}
		defer release()
		s.follow(held, sub, func(ctx context.Context) error {
			r, err := h.svc.Object(ctx, user, id, models.ClusterRead)
			if err != nil {
				return err
			}
			update := models.ResourceUpdate{Status: models.ResourceStatus{State: r.Status, Message: r.Message}}
			return s.event(sub.Position(), models.EventStatusUpdate, update)
		})
		if ended := context.Cause(held); held.Err() != nil && ctx.Err() == nil {
			_ = s.event("", "error", models.MessageOf(ended))
			_ = s.event("", models.EventComplete, models.MessageOf(ended))
		}
	})
	return nil
}

func snapshotOf(r models.Resource) models.ResourceSnapshot {
	s := models.ResourceSnapshot{ID: r.ID, Name: r.Name, Namespace: r.Namespace, Type: r.Kind, Status: r.Status, Spec: r.Spec}
	if s.Spec == nil {
		s.Spec = map[string]any{}
	}
	return s
}
