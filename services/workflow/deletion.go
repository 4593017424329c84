package workflow

import (
	"context"

	"github.com/kubeorch/core/models"
)

// Erase removes a workflow for good, whether or not it is deleted. It is a Conflict
// while a run is in progress.
func (s *Service) Erase(ctx context.Context, owner, id string) error {
	if err := s.Delete(ctx, owner, id); err != nil && models.KindOf(err) != models.NotFound {
		return err
	}
	if err := s.store.BeginEraseOf(ctx, owner, id); err != nil {
		return err
	}
	return s.eraser.erase(ctx, id)
}

// Restore takes back a deletion, until Retention erases the workflow. A workflow
// that has not been deleted stays as it is; an erased one is NotFound.
func (s *Service) Restore(ctx context.Context, owner, id string) (models.Workflow, error) {
	if w, err := s.store.Get(ctx, owner, id); models.KindOf(err) != models.NotFound || err == nil {
		return w, err
	}
	if err := s.quota.checkWorkflows(ctx, owner, s.quota.limits.Workflows-1); err != nil {
		return models.Workflow{}, err
	}
	if err := s.store.Restore(ctx, owner, id, s.now()); err != nil {
		return models.Workflow{}, err
	}
	return s.store.Get(ctx, owner, id)
}

// Delete hides a workflow, which Retention erases later. It does not touch the
// cluster, and is a Conflict while a run is in progress.
func (s *Service) Delete(ctx context.Context, owner, id string) error {
	if _, err := s.store.Head(ctx, owner, id); err != nil {
		return err
	}
	running, err := s.runs.Running(ctx, id)
	if err != nil {
		return err
	}
	if running {
		return &models.Error{
			Op: "workflow.Service.Delete", Kind: models.Conflict,
			Msg: "a run of this workflow is in progress; cancel it or wait for its end",
		}
	}
	return s.store.Delete(ctx, owner, id, s.now())
}
