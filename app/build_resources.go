package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services/audit"
	"github.com/kubeorch/core/services/podlog"
	"github.com/kubeorch/core/services/resource"
	"github.com/kubeorch/core/services/stream"
	"github.com/kubeorch/core/services/terminal"
)

// resourceServices are those of the objects in clusters.
type resourceServices struct {
	service *resource.Service
	syncer  *resource.Syncer
	sweeper *resource.Sweeper

	logs       *podlog.Manager
	terminals  *terminal.Service
	ofLogs     *handlers.PodLog
	ofTerminal *handlers.Terminal
}

func (s *Server) buildResources(
	clusters clusterServices, workflows *repositories.Workflows, events *stream.Broadcaster, trail *audit.Trail, place *placement,
	others peers,
) resourceServices {
	var (
		db      = s.db.Database()
		records = repositories.NewResources(db)
		marks   = repositories.NewResourceMarks(db)
		times   = repositories.NewResourceSyncs(db)
		stored  = repositories.NewClusters(db)

		syncer = resource.NewSyncer(resource.SyncerDeps{
			Clusters: stored, Connect: resource.SyncThrough(clusters.service.ConnectionByID), Store: records, Times: times,
			Events: events, Placement: place, Peers: others, Kinds: resource.Kinds(s.plugins), Log: s.log,
		})
		service = resource.NewService(resource.Deps{
			Records: records, Marks: marks, Access: clusters.access, Workflows: workflows, Times: times, Syncer: syncer,
			Off: !s.cfg.Inventory, Now: time.Now,
		})
	)
	clusters.access.OnChange(func(ctx context.Context, id string) {
		service.AccessChanged(ctx, id)
		syncer.Nudge()
	})
	r := resourceServices{
		service: service, syncer: syncer,
		sweeper: &resource.Sweeper{Clusters: stored, Times: times, Records: records, Marks: marks, Log: s.log},
	}
	r.logs, r.ofLogs = s.buildLogs(service, clusters)
	r.terminals, r.ofTerminal = s.buildTerminals(service, clusters, trail)
	return r
}

// inventoryWorker fills the inventory, unless that is switched off.
func (s *Server) inventoryWorker(syncer *resource.Syncer) worker {
	if !s.cfg.Inventory {
		return worker{run: func(ctx context.Context) error { <-ctx.Done(); return nil }}
	}
	return worker{run: syncer.Run}
}

// addTo adds the handlers of resources to h.
func (r resourceServices) addTo(h *routes.Handlers, events *stream.Broadcaster, log *slog.Logger) {
	h.Resource = handlers.NewResource(r.service)
	h.PodLog, h.Terminal = r.ofLogs, r.ofTerminal
	h.ResourceStream = handlers.NewResourceStream(r.service, handlers.AsSubscribe(events.Subscribe), log)
}
