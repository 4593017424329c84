package run

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/services/diff"
	"github.com/kubeorch/core/services/plan"
)

// PreviewDeployed returns what applying nodes of a workflow again would do, each at
// the version that was applied last, in the name of the workflow's owner with the
// present grant. Jobs that have ended are not run again, and typed values stay as they
// are. Nodes that no run has applied in the present cluster are left out.
func (e *Executor) PreviewDeployed(ctx context.Context, workflowID string, nodeIDs []string) ([]models.NodePlan, error) {
	ctx, cancel := context.WithTimeout(kubernetes.ProbeEarly(ctx), e.opts.PlanDeadline)
	defer cancel()
	w, err := e.deps.Workflows.ByID(ctx, workflowID)
	if err != nil {
		return nil, err
	}
	p, err := e.deployedPlan(ctx, w)
	if err != nil {
		return nil, err
	}
	v, err := e.previewOf(ctx, w, p, models.TriggerData{}, models.RunOptions{})
	if err == nil {
		v.deployed = true
		err = v.again(ctx, nodeIDs)
	}
	if err != nil {
		return nil, e.planFailure(ctx, err)
	}
	return v.plan.Nodes, nil
}

// again previews nodes of a plan that was applied.
func (v *preview) again(ctx context.Context, nodeIDs []string) error {
	var steps []plan.Step
	v.session.recovered = map[string]models.NodeState{}
	for _, step := range v.session.plan.Steps {
		v.session.recovered[step.NodeID] = models.NodeState{Status: models.NodeCompleted}
		if slices.Contains(nodeIDs, step.NodeID) {
			steps = append(steps, step)
		}
	}
	if len(steps) == 0 {
		return nil
	}
	owned, err := v.exec.look(ctx, v.session, v.target)
	if err != nil {
		return err
	}
	_, err = v.steps(ctx, steps)
	<-owned
	return err
}

// deployedPlan plans all nodes of w that were applied, each at the version that its
// objects were applied from. Workloads follow the settings of other nodes, so that a
// part of them would not do.
func (e *Executor) deployedPlan(ctx context.Context, w models.Workflow) (*plan.Plan, error) {
	inventory, err := e.deps.Workflows.Inventory(ctx, w.ID)
	if err != nil {
		return nil, err
	}
	here, _ := splitByPlace(inventory, place{w.ClusterID, w.ClusterRef})
	applied := map[string]int{} // node id to version
	numbers := map[int]bool{}
	for _, o := range here {
		if !o.Applied.IsZero() {
			applied[o.Applied.NodeID] = max(applied[o.Applied.NodeID], o.Applied.Version)
		}
	}
	for _, number := range applied {
		numbers[number] = true
	}
	p := &plan.Plan{}
	for _, number := range slices.Sorted(maps.Keys(numbers)) {
		v, err := e.deps.Versions.Get(ctx, w.ID, number)
		if err != nil {
			return nil, err
		}
		whole, problems := plan.Build(v.Graph(), e.deps.Kinds, plan.Options{WorkflowID: w.ID, Empty: true})
		if err := problems.Err("run.Executor.deployedPlan"); err != nil {
			return nil, err
		}
		for _, step := range whole.Steps {
			if applied[step.NodeID] == number {
				p.Steps = append(p.Steps, step)
			}
		}
	}
	slices.SortStableFunc(p.Steps, func(a, b plan.Step) int { return cmp.Compare(a.Wave, b.Wave) })
	return p, nil
}

// changedValues returns the values of a Secret that somebody else has changed or removed
// since they were applied, masked as they are everywhere. The cluster alone holds them:
// whoever manages the key of a value has changed it.
func (v *preview) changedValues(o *unstructured.Unstructured, p applier.Preview, state applier.ValuesState) (changes []models.FieldChange) {
	if p.Live == nil || p.Would == nil {
		return nil
	}
	whole := p.Live.DeepCopy()
	for _, key := range applier.LostKeys(applier.DefaultOptions(nil).Manager, p.Live, v.session.rememberedOf(o).Fields, "data", state.Missing) {
		_ = unstructured.SetNestedField(whole.Object, "", "data", key) // data is an object, or absent
	}
	changes = diff.Changes(p.Live, whole)
	kept := diff.Additions(p.Would, isOurManager)
	for _, a := range diff.Additions(p.Live, isOurManager) {
		same := func(other models.FieldAddition) bool { return other.Path == a.Path }
		if strings.HasPrefix(a.Path, "data") && !slices.ContainsFunc(kept, same) {
			changes = append(changes, models.FieldChange{
				Path: a.Path, From: models.MaskedValue, To: models.MaskedValue, Manager: a.Manager, At: a.At,
			})
		}
	}
	return changes
}
