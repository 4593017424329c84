package app

import (
	"context"
	"time"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services/drift"
	"github.com/kubeorch/core/services/notification"
	"github.com/kubeorch/core/services/stream"
)

// driftServices notice and undo what others change in clusters.
type driftServices struct {
	records  *repositories.Drifts
	detector *drift.Detector
}

func (s *Server) buildDrift(documents *repositories.Workflows, events *stream.Broadcaster, notices *notification.Service) driftServices {
	records := repositories.NewDrifts(s.db.Database())
	return driftServices{records, drift.NewDetector(drift.Deps{
		Records: records, Workflows: documents, Events: events, Notifier: notices, Log: s.log, Now: time.Now,
	})}
}

// join adds what was made after the detector, and the handlers to h.
func (d driftServices) join(s *Server, h *routes.Handlers, documents *repositories.Workflows, w workflowServices) {
	d.detector.Attach(w.executor, w.watchers)
	h.Drift = handlers.NewDrift(drift.NewService(documents, d.records, d.detector, w.watchers))
	keeper := drift.Keeper{Records: d.records, Watchers: w.watchers, Log: s.log}
	s.background.detector = d.detector
	s.background.driftKeeper = worker{run: func(ctx context.Context) error { return s.session.While(ctx, "drift", keeper.Run) }}
}
