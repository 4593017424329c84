package handlers

import (
	"context"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// statusWorkflows reads one of owner's workflows; somebody else's is NotFound.
type statusWorkflows interface {
	Document(ctx context.Context, owner, id string) (models.WorkflowDocument, error)
	Statuses(ctx context.Context, owner, id string) (models.StatusSync, error)
}

// watchers watches the objects of a workflow until release is called. Hold does
// not wait for the cluster.
type watchers interface {
	Hold(workflowID string) (release func())
}

// StatusStream serves the live states of a workflow's nodes.
type StatusStream struct {
	workflows statusWorkflows
	subscribe Subscribe
	watchers  watchers
	log       *slog.Logger
}

// NewStatusStream returns a handler that reads the state from w and its changes
// from the streams of subscribe. Panics of a stream are logged to log.
func NewStatusStream(w statusWorkflows, subscribe Subscribe, watch watchers, log *slog.Logger) *StatusStream {
	return &StatusStream{workflows: w, subscribe: subscribe, watchers: watch, log: log}
}

// Stream answers GET /workflows/:id/status/stream: the workflow first, then
// every change of a node's status for as long as the reader stays.
func (h *StatusStream) Stream(c *gin.Context) error {
	id, owner := c.Param("id"), caller(c).UserID
	if !models.ValidID(id) {
		return &models.Error{Op: "handlers.StatusStream.Stream", Kind: models.NotFound, Msg: "workflow not found"}
	}
	sub, err := h.subscribe(models.WorkflowStream(id), c.GetHeader("Last-Event-ID"))
	if err != nil {
		return err
	}
	doc, err := h.workflows.Document(c.Request.Context(), owner, id)
	if err != nil {
		sub.Close()
		return err
	}
	s := openStream(c, h.log)
	_ = s.encoded(sub.Position(), models.EventMetadata, doc.Body) // a reader that has left fails the next send, too
	s.serve(c.Request.Context(), func(ctx context.Context) {
		defer sub.Close()
		defer h.watchers.Hold(id)()
		s.follow(ctx, sub, func(ctx context.Context) error {
			statuses, err := h.workflows.Statuses(ctx, owner, id)
			if err != nil {
				return err
			}
			return s.event(sub.Position(), models.EventWorkflowSync, models.StreamEvent{
				Type: "workflow", StreamKey: models.WorkflowStream(id), EventType: models.EventWorkflowSync,
				Timestamp: time.Now().UTC(), Data: statuses,
			})
		})
	})
	return nil
}
