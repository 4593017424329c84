package drift

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/limit"
	"github.com/kubeorch/core/pkg/panics"
)

const (
	// lookTime bounds a comparison that somebody waits for.
	lookTime = 10 * time.Second
	// lookEvery is how often the objects of a workflow are compared for those who ask.
	lookEvery = 5 * time.Second
	// looksSize is the memory for the last answers.
	looksSize = 8 << 20
)

// ownedWorkflows are the workflows of an account, and what they have in clusters.
type ownedWorkflows interface {
	Get(ctx context.Context, owner, id string) (models.Workflow, error)
	Inventory(ctx context.Context, workflowID string) ([]models.OwnedObject, error)
}

// settings keep what the owners of workflows want to know of drift.
type settings interface {
	Get(ctx context.Context, workflowID string) (models.DriftRecord, error)
	SetSettings(ctx context.Context, workflowID string, s models.DriftSettings) error
}

// watchers have workflows watched; see watcher.Manager.
type watchers interface {
	Look(workflowID string)
	Watch(workflowID string)
}

// Service answers the owners of workflows. It is safe for concurrent use.
type Service struct {
	workflows ownedWorkflows
	settings  settings
	detector  *Detector
	watchers  watchers

	looking singleflight.Group
	looks   *limit.Cache[look]
}

// look is what a comparison found that somebody waited for.
type look struct {
	at    time.Time
	plans []models.NodePlan
}

// NewService returns a service that answers with what d has found.
func NewService(w ownedWorkflows, s settings, d *Detector, watch watchers) *Service {
	return &Service{workflows: w, settings: s, detector: d, watchers: watch, looks: limit.NewCache[look](looksSize)}
}

// Get returns how the objects of one of owner's workflows have drifted. Where this
// server does not watch them it compares them now, and has them watched. Of what cannot
// be compared it returns what is known, and why.
func (s *Service) Get(ctx context.Context, owner, id string) (models.Drift, error) {
	wf, err := s.workflows.Get(ctx, owner, id)
	if err != nil {
		return models.Drift{}, err
	}
	at, current := s.detector.CheckedAt(id) // before the record is read, which is no older then
	record, err := s.settings.Get(ctx, id)
	if err != nil {
		return models.Drift{}, err
	}
	answer := models.Drift{DriftSettings: record.DriftSettings, Drifts: record.Nodes, CheckedAt: record.CheckedAt}
	switch {
	case record.Mode == models.DriftOff || wf.LastRunAt == nil || wf.Status == models.WorkflowArchived:
		answer.Drifts = []models.NodeDrift{}
		return answer, nil
	case current:
		answer.CheckedAt = &at
		return answer, nil
	}
	s.watchers.Look(id)
	now, err := s.look(ctx, id)
	if err != nil {
		answer.Message = "the cluster could not be compared now: " + models.MessageOf(err)
		return answer, nil //nolint:nilerr // it is told
	}
	if record.CheckedAt != nil && record.CheckedAt.After(now.at) {
		return answer, nil // whoever watches it was here in between
	}
	answer.CheckedAt, answer.Drifts = &now.at, []models.NodeDrift{}
	for _, plan := range now.plans {
		if n := s.detector.nodeDrift(&record, plan); n != nil {
			answer.Drifts = append(answer.Drifts, *n)
		}
	}
	boundedAll(answer.Drifts)
	return answer, nil
}

// look compares the objects of a workflow, once for all who ask within a while.
func (s *Service) look(ctx context.Context, id string) (look, error) {
	if last, ok := s.looks.Get(id); ok && time.Since(last.at) < lookEvery {
		return last, nil
	}
	done := s.looking.DoChan(id, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
		defer cancel()
		var now look
		err := panics.ToError(func() (err error) { now, err = s.compare(ctx, id); return err })
		return now, err
	})
	select {
	case res := <-done:
		now, _ := res.Val.(look)
		return now, res.Err
	case <-ctx.Done():
		return look{}, &models.Error{Op: "drift.Service.look", Kind: models.Unavailable, Msg: "it took too long", Err: ctx.Err()}
	}
}

func (s *Service) compare(ctx context.Context, id string) (look, error) {
	running, err := s.detector.runs.Running(ctx, id)
	if err == nil && running {
		err = &models.Error{Op: "drift.Service.compare", Kind: models.Unavailable, Msg: "a run is in progress"}
	}
	if err != nil {
		return look{}, err
	}
	objects, err := s.workflows.Inventory(ctx, id)
	if err != nil {
		return look{}, err
	}
	nodes := make(map[string]bool)
	for _, o := range objects {
		if !o.Applied.IsZero() {
			nodes[o.Applied.NodeID] = true
		}
	}
	now := look{at: s.detector.now()}
	if len(nodes) > 0 {
		now.plans, err = s.detector.runs.PreviewDeployed(ctx, id, slices.Sorted(maps.Keys(nodes)))
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = &models.Error{Op: "drift.Service.compare", Kind: models.Unavailable, Msg: "it took too long", Err: err}
	}
	if err == nil {
		s.looks.Put(id, now, size(now.plans))
	}
	return now, err
}

// Set changes what the owner of a workflow wants to know. A field that is nil stays.
func (s *Service) Set(ctx context.Context, owner, id string, p models.DriftPatch) (models.DriftSettings, error) {
	wf, err := s.workflows.Get(ctx, owner, id)
	if err != nil {
		return models.DriftSettings{}, err
	}
	record, err := s.settings.Get(ctx, id)
	if err != nil {
		return models.DriftSettings{}, err
	}
	next, known := record.DriftSettings, make([]string, len(wf.Nodes))
	for i, n := range wf.Nodes {
		known[i] = n.ID
	}
	// What was ignored of nodes that have left the drawing goes with the next change.
	maps.DeleteFunc(next.Ignored, func(node string, _ []string) bool { return !slices.Contains(known, node) })
	if p.Mode != nil {
		next.Mode = *p.Mode
	}
	if p.Ignored != nil {
		next.Ignored = *p.Ignored
	}
	if err := checkSettings(next, known).Err("drift.Service.Set"); err != nil {
		return models.DriftSettings{}, err
	}
	if err := s.settings.SetSettings(ctx, id, next); err != nil {
		return models.DriftSettings{}, err
	}
	s.watchers.Watch(id) // whoever watches it reads the settings again
	return next, nil
}
