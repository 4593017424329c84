package handlers

import (
	"bytes"
	"context"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// streamedRuns reads one of owner's runs; somebody else's is NotFound.
type streamedRuns interface {
	Get(ctx context.Context, owner, id, runID string) (models.Run, error)
}

// RunStream serves runs while they go on.
type RunStream struct {
	runs      streamedRuns
	subscribe Subscribe
	log       *slog.Logger
}

// NewRunStream returns a handler that reads runs and what happens in them from the
// streams of subscribe. Panics of a stream are logged to log.
func NewRunStream(runs streamedRuns, subscribe Subscribe, log *slog.Logger) *RunStream {
	return &RunStream{runs: runs, subscribe: subscribe, log: log}
}

// Stream answers GET /workflows/:id/runs/:runId/stream: the run first, then lines of
// its log and states of its nodes as they come, and how it ended.
func (h *RunStream) Stream(c *gin.Context) error {
	id, runID, owner := c.Param("id"), c.Param("runId"), caller(c).UserID
	if !models.ValidID(runID) {
		return &models.Error{Op: "handlers.RunStream.Stream", Kind: models.NotFound, Msg: "run not found"}
	}
	sub, err := h.subscribe(models.RunStream(runID), c.GetHeader("Last-Event-ID"))
	if err != nil {
		return err
	}
	run, err := h.runs.Get(c.Request.Context(), owner, id, runID)
	if err != nil {
		sub.Close()
		return err
	}
	s := openStream(c, h.log)
	s.serve(c.Request.Context(), func(ctx context.Context) {
		defer sub.Close()
		ctx, end := context.WithCancel(ctx)
		defer end()
		show := func(run models.Run) error {
			err := s.event(sub.Position(), models.EventMetadata, run)
			if err == nil && run.Status != models.RunRunning {
				end()
				err = s.event("", models.EventComplete, envelope(run))
			}
			return err
		}
		if show(run) != nil || ctx.Err() != nil {
			return
		}
		s.follow(ctx, runSubscription{sub, end, func() bool { return ctx.Err() != nil }}, func(ctx context.Context) error {
			run, err := h.runs.Get(ctx, owner, id, runID)
			if err != nil {
				return err
			}
			return show(run)
		})
	})
	return nil
}

// envelope returns the end of a run as the executor publishes it.
func envelope(run models.Run) models.StreamEvent {
	return models.StreamEvent{
		Type: "run", StreamKey: models.RunStream(run.ID), EventType: models.EventComplete, Timestamp: time.Now().UTC(), Data: run.End(),
	}
}

// runSubscription calls end with the event after which nothing more comes.
type runSubscription struct {
	Subscription

	end   func()
	ended func() bool
}

// Take drops what follows the end of the run.
func (s runSubscription) Take(buf [][]byte) (frames [][]byte, lost bool) {
	if s.ended() {
		return buf, false
	}
	frames, lost = s.Subscription.Take(buf)
	for i, f := range frames {
		if bytes.Contains(f, []byte("\nevent: "+models.EventComplete+"\n")) {
			s.end()
			return frames[:i+1], lost
		}
	}
	return frames, lost
}
