package workflow

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubeorch/core/models"
)

// Retire deletes a workflow as d says. left tells what it still has in clusters, and
// warning what went wrong with removing that; it is deleted all the same.
func (s *Service) Retire(ctx context.Context, owner, id string, d models.WorkflowDeletion) (left, warning string, err error) {
	if d.TearDown {
		archived := models.WorkflowArchived
		_, warning, err = s.Update(ctx, owner, id, models.WorkflowPatch{Status: &archived, DeleteAdopted: d.DeleteAdopted})
		if err != nil {
			return "", "", err
		}
	}
	b, err := s.store.Belongings(ctx, owner, id)
	if err != nil {
		return "", "", err
	}
	left = inventoryText(b.Objects)
	switch {
	case d.TearDown:
		// A tear-down that still goes on needs no document that is shown.
		if err = s.store.Delete(ctx, owner, id, s.now()); err == nil && d.Permanent {
			warning, err = s.eraseUnlessBusy(ctx, owner, id, warning)
		}
	case d.Permanent:
		err = s.Erase(ctx, owner, id)
	default:
		err = s.Delete(ctx, owner, id)
	}
	return left, warning, err
}

// eraseUnlessBusy erases a deleted workflow, or leaves that to Retention while its
// objects are still being removed.
func (s *Service) eraseUnlessBusy(ctx context.Context, owner, id, warning string) (string, error) {
	if running, err := s.runs.Running(ctx, id); err != nil || running {
		return warning + "; the workflow is erased later", err
	}
	return warning, s.Erase(ctx, owner, id)
}

// inventoryText counts objects by cluster: "3 objects in cluster dev".
func inventoryText(objects []models.OwnedObject) string {
	count := map[string]int{}
	for _, o := range objects {
		count[o.Cluster]++
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(count)) {
		what := "objects"
		if count[name] == 1 {
			what = "object"
		}
		parts = append(parts, fmt.Sprintf("%d %s in cluster %s", count[name], what, name))
	}
	return strings.Join(parts, ", ")
}

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
