package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/plan"
)

// rollBack applies the last healthy version in place of the one that failed because
// of cause. The drawing stays, typed values stay, and the run fails in any case.
func (e *Executor) rollBack(ctx context.Context, s *session, cause error) error {
	why := s.clean(models.MessageOf(cause))
	v, err := e.rollbackTarget(ctx, s)
	if err == nil {
		s.logf("failed: %s", why)
		s.logf("rolling back to version %d", v.Number)
		err = e.enter(ctx, s, models.RunPhase{Phase: models.PhaseRollback, RolledBackTo: v.Number, Failure: why})
	}
	if err == nil {
		err = e.applyVersion(ctx, s, v)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return failure(fmt.Sprintf("%s; rolled back to version %d", why, v.Number))
	}
	s.mu.Lock()
	s.phase.RolledBackTo = 0
	s.mu.Unlock()
	if models.KindOf(err) == models.Internal {
		e.deps.Log.WarnContext(ctx, "rollback failed", "run", s.run.ID, "workflow", s.run.WorkflowID, "err", s.clean(err.Error()))
	}
	return failure(fmt.Sprintf("%s; it could not be rolled back either: %s", why, s.clean(models.MessageOf(err))))
}

// rollbackTarget returns the version that a failed run goes back to: that of the
// newest run in the same cluster that waited until all was healthy, or, where none
// did, of the newest one that completed. A rollback that was begun keeps its target.
func (e *Executor) rollbackTarget(ctx context.Context, s *session) (models.Version, error) {
	get := func(number int) (models.Version, error) {
		return askWhileAway(ctx, func() (models.Version, error) { return e.deps.Versions.Get(ctx, s.run.WorkflowID, number) })
	}
	if to := s.phase.RolledBackTo; to > 0 {
		return get(to)
	}
	runs, err := askWhileAway(ctx, func() ([]models.Run, error) {
		return e.deps.Runs.Deployed(ctx, s.run.WorkflowID, s.run.ClusterRef)
	})
	if err != nil {
		return models.Version{}, err
	}
	for _, waited := range []bool{true, false} {
		for _, r := range runs {
			if r.WaitSeconds > 0 != waited {
				continue
			}
			v, err := get(r.Version)
			if models.KindOf(err) != models.NotFound || err == nil { // somebody may have deleted the version
				return v, err
			}
		}
	}
	return models.Version{}, failure("no earlier run has completed in this cluster, so there is no version to go back to")
}

// applyVersion applies v under the lock of s, and removes what v does not have.
func (e *Executor) applyVersion(ctx context.Context, s *session, v models.Version) error {
	p, problems := plan.Build(v.Graph(), e.deps.Kinds, plan.Options{WorkflowID: s.run.WorkflowID, Empty: true})
	if err := problems.Err("run.Executor.applyVersion"); err != nil {
		return err
	}
	part := s.part(p)
	part.version = v.Number
	part.workflow.Nodes, part.workflow.Edges = v.Nodes, v.Edges
	before, err := e.inventory(ctx, s)
	if err != nil {
		return err
	}
	if err := e.setInventory(ctx, s, union(before, planned(part))); err != nil {
		return err
	}
	return e.deploy(ctx, part)
}

// part returns a session for a part of the run of s, with states of its own for the
// nodes of p. Jobs that are finished are not run again in it.
func (s *session) part(p *plan.Plan) *session {
	part := newSession(s.run, p, models.TriggerData{}, s.now)
	part.parent, part.workflow, part.cancel, part.conceal = s, s.workflow, s.cancel, s.conceal
	part.run.FailurePolicy = models.PolicyContinue
	part.recovered = make(map[string]models.NodeState, len(p.Steps))
	for _, step := range p.Steps {
		part.recovered[step.NodeID] = models.NodeState{Status: models.NodeCompleted}
	}
	return part
}

// Rollback deploys version number of one of owner's workflows, which becomes the
// drawing with the run. It returns as Run does. An unknown version is NotFound; a
// cluster that is gone is a Conflict. When it is refused, the drawing stays.
func (e *Executor) Rollback(ctx context.Context, owner, id string, r models.RollbackRequest) (models.Run, error) {
	w, err := e.runnable(ctx, owner, id)
	if err != nil {
		return models.Run{}, err
	}
	v, err := e.deps.Versions.Get(ctx, id, r.Version)
	if err != nil {
		return models.Run{}, err
	}
	w.Nodes, w.Edges = v.Nodes, v.Edges
	run, err := e.start(ctx, w, models.RunRequest{RunOptions: r.RunOptions, Key: r.Key}, func(run *models.Run) {
		run.TriggeredBy, run.RestoredFrom = models.TriggeredByRollback, r.Version
	})
	if refused, ok := errors.AsType[*models.Error](err); ok && models.KindOf(refused.Err) == models.NotFound && refused.Kind == models.Invalid {
		err = &models.Error{
			Op: "run.Executor.Rollback", Kind: models.Conflict, Err: err,
			Msg: fmt.Sprintf("version %d cannot be applied: %s", r.Version, refused.Msg),
		}
	}
	return run, err
}

// restoreDrawing makes v the drawing, for a run that brings an earlier version back.
func (e *Executor) restoreDrawing(ctx context.Context, s *session, v models.Version) error {
	if s.run.RestoredFrom == 0 {
		return nil
	}
	s.logf("the drawing is version %d again", s.run.RestoredFrom)
	patch := models.WorkflowPatch{Nodes: &v.Nodes, Edges: &v.Edges}
	return whileAway(ctx, func() error {
		_, err := e.deps.Workflows.Update(ctx, s.run.OwnerID, s.run.WorkflowID, patch, e.now())
		return err
	})
}
