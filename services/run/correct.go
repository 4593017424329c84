package run

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/plan"
)

// Correct applies nodes of a workflow again as they were applied last, in the name of
// the workflow's owner. It takes no version, prunes and counts nothing, and keeps
// typed values. It returns the run as Run does. While another run is in progress, and
// when none of the nodes was applied, it is a Conflict.
func (e *Executor) Correct(ctx context.Context, workflowID string, nodeIDs []string) (models.Run, error) {
	w, err := e.deps.Workflows.ByID(ctx, workflowID)
	if err != nil {
		return models.Run{}, err
	}
	run := e.newRun(w, models.RunCorrect)
	run.TriggeredBy, run.TriggerData = models.TriggeredByDrift, models.Trigger{UserID: w.OwnerID}
	run.Nodes = slices.Compact(slices.Sorted(slices.Values(nodeIDs)))
	s := newSession(run, nil, models.TriggerData{}, e.now)
	s.workflow = w
	if err := e.planCorrection(ctx, s); err != nil {
		return models.Run{}, err
	}
	g, err := e.authorize(ctx, w, s.plan)
	if err != nil {
		return models.Run{}, err
	}
	s.run.ClusterRef, s.workflow.ClusterRef, s.run.Version = g.Cluster.ID, g.Cluster.ID, s.version
	if err := e.begin(ctx, s, e.correct); err != nil {
		return models.Run{}, err
	}
	e.logDeployment(ctx, s.run)
	return e.await(ctx, s, e.opts.AnswerAfter)
}

// planCorrection plans the nodes of s.run.Nodes, each at the version that its objects
// were applied from. Jobs that have ended are not run again.
func (e *Executor) planCorrection(ctx context.Context, s *session) error {
	const op = "run.Executor.planCorrection"
	inventory, err := e.inventory(ctx, s)
	if err != nil {
		return err
	}
	here, _ := splitByPlace(inventory, s.place())
	s.remember(here)
	versions := map[int][]string{} // to the nodes that were applied from it
	for node, version := range appliedVersions(here, s.run.Nodes) {
		versions[version] = append(versions[version], node)
		s.version = max(s.version, version)
	}
	if len(versions) == 0 {
		return &models.Error{Op: op, Kind: models.Conflict, Msg: "no run has applied these nodes in the cluster of the workflow"}
	}
	var p plan.Plan
	s.around, s.recovered = nil, map[string]models.NodeState{}
	for _, number := range slices.Sorted(maps.Keys(versions)) {
		v, err := e.deps.Versions.Get(ctx, s.run.WorkflowID, number)
		if err != nil {
			return err
		}
		whole, problems := plan.Build(v.Graph(), e.deps.Kinds, plan.Options{WorkflowID: s.run.WorkflowID, Empty: true})
		if err := problems.Err(op); err != nil {
			return err
		}
		s.around = append(s.around, whole.Steps...)
		for _, step := range whole.Steps {
			if slices.Contains(versions[number], step.NodeID) {
				p.Steps = append(p.Steps, step)
				s.recovered[step.NodeID] = models.NodeState{Status: models.NodeCompleted}
			}
		}
	}
	slices.SortStableFunc(p.Steps, func(a, b plan.Step) int { return cmp.Compare(a.Wave, b.Wave) })
	s.setPlan(&p)
	s.readContents(s.around)
	return nil
}

// appliedVersions returns the version that each of nodes was applied from last.
func appliedVersions(objects []models.OwnedObject, nodes []string) map[string]int {
	versions := map[string]int{}
	for _, o := range objects {
		if id := o.Applied.NodeID; slices.Contains(nodes, id) {
			versions[id] = max(versions[id], o.Applied.Version)
		}
	}
	return versions
}

// correct applies the nodes of a correction.
func (e *Executor) correct(ctx context.Context, s *session) error {
	s.logf("correcting %d nodes in cluster %s", len(s.plan.Steps), s.run.Cluster)
	t, err := e.openTarget(ctx, s)
	if err != nil {
		return err
	}
	refs := refsIn(planned(s))
	for _, step := range s.around { // pods follow the values of other nodes, too
		if step.Values != nil {
			refs = append(refs, applier.RefOf(step.Values.Object))
		}
	}
	if s.survey, err = t.Survey(ctx, refs, nil); err != nil {
		return clusterFailure(err)
	}
	s.readRevisions(s.around)
	return errors.Join(e.apply(ctx, s, t), e.keepApplied(ctx, s))
}

// keepApplied stores what a run left objects as that does not get as far as prune.
func (e *Executor) keepApplied(ctx context.Context, s *session) error {
	if end, _ := errors.AsType[ending](context.Cause(ctx)); end == endLost || end == endHandover {
		return nil // the next process does, from what it applies
	}
	s.mu.Lock()
	touched := slices.Clone(s.touched)
	s.mu.Unlock()
	if len(touched) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	inventory, err := e.inventory(ctx, s)
	if err != nil {
		return err
	}
	return e.setInventory(ctx, s, union(inventoryOf(s, touched), inventory))
}
