package run

import (
	"context"
	"errors"
	"slices"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/plan"
)

// ApplyNode applies the objects of one node of w as w is drawn, in the name of its owner,
// and nothing else. It is for a node without typed values, is no run, and is refused
// while one is in progress. With dryRun, the cluster judges the objects and changes
// nothing. Objects that it refuses are Changes, too.
func (e *Executor) ApplyNode(ctx context.Context, w models.Workflow, nodeID string, dryRun bool) ([]applier.Change, error) {
	const op = "run.Executor.ApplyNode"
	if w.Status != models.WorkflowPublished {
		return nil, &models.Error{Op: op, Kind: models.Invalid, Msg: "the workflow is " + w.Status + "; publish it first"}
	}
	step, err := e.stepOf(w, nodeID)
	if err != nil {
		return nil, err
	}
	g, err := e.authorize(ctx, w, &plan.Plan{Steps: []plan.Step{step}})
	if err != nil {
		return nil, err
	}
	if err := e.requireIdle(ctx, w.ID); err != nil {
		return nil, err
	}
	t, err := e.target(ctx, g, w.ID)
	if err != nil {
		return nil, err
	}
	var reqs []applier.Request
	for _, o := range step.Objects {
		reqs = append(reqs, applier.Request{Object: o, Adopt: step.Adopt})
	}
	if dryRun {
		return t.Try(ctx, reqs), nil
	}
	changes := t.Apply(ctx, reqs, func(int, applier.Change) {})
	e.deps.Watch(w.ID)
	return changes, e.noteApplied(ctx, w, nodeID, changes)
}

// stepOf plans the whole drawing, since the objects of a node depend on its neighbours.
func (e *Executor) stepOf(w models.Workflow, nodeID string) (plan.Step, error) {
	const op = "run.Executor.stepOf"
	p, problems := plan.Build(w.Graph(), e.deps.Kinds, plan.Options{WorkflowID: w.ID})
	if err := problems.Err(op); err != nil {
		return plan.Step{}, err
	}
	i := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.NodeID == nodeID })
	if i < 0 || p.Steps[i].Values != nil {
		return plan.Step{}, &models.Error{Op: op, Kind: models.Invalid, Msg: "the node has nothing that could be applied alone"}
	}
	return p.Steps[i], nil
}

// requireIdle is a Conflict while a run of the workflow is in progress.
func (e *Executor) requireIdle(ctx context.Context, workflowID string) error {
	running, err := e.deps.Runs.Running(ctx, workflowID)
	if models.KindOf(err) == models.NotFound && err != nil {
		return nil //nolint:nilerr // absence is the answer
	}
	if err == nil {
		err = &models.Error{
			Op: "run.Executor.requireIdle", Kind: models.Conflict,
			Msg: "run " + running.ID + " of this workflow is in progress; wait for its end or cancel it",
		}
	}
	return err
}

// noteApplied takes a version of the drawing that objects of a node were applied from, and
// notes what they were left as, so that they do not count as changed by somebody else.
func (e *Executor) noteApplied(ctx context.Context, w models.Workflow, nodeID string, changes []applier.Change) error {
	graph := w.Graph().Tidy()
	v, err := e.deps.Versions.Add(ctx, models.Version{
		ID: models.NewID(), WorkflowID: w.ID, Nodes: graph.Nodes, Edges: graph.Edges, CreatedAt: e.now(), CreatedBy: w.OwnerID,
		Description: "Automatic snapshot of a fix", IsAutomatic: true,
	})
	if err != nil {
		return err
	}
	for _, c := range changes {
		if c.Action == applier.Failed {
			continue
		}
		apiVersion, kind := c.ToAPIVersionAndKind()
		err = errors.Join(err, e.deps.Workflows.SetApplied(ctx, w.ID, models.OwnedObject{
			Cluster: w.ClusterID, APIVersion: apiVersion, Kind: kind, Namespace: c.Namespace, Name: c.Name,
			Applied: models.Applied{NodeID: nodeID, Version: v.Number, UID: string(c.UID), Fields: c.Fields},
		}))
	}
	return err
}
