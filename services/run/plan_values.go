package run

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/plan"
)

// values previews the Secrets of typed values.
func (v *preview) values(ctx context.Context, steps []plan.Step, nodes []models.NodePlan) error {
	var group errgroup.Group
	group.SetLimit(valueWorkers)
	for i, step := range steps {
		if step.Values == nil {
			continue
		}
		if reason := v.refused[step.NodeID]; reason != "" {
			nodes[i].Add(refusedObject(applier.RefOf(step.Values.Object), reason))
			continue
		}
		group.Go(func() error {
			return recovered(func() error {
				p, state := v.target.PreviewValues(ctx, v.session.valuesRequest(step))
				v.noteValues(step, &nodes[i], p, state)
				if errors.Is(p.Err, applier.ErrForeign) && v.blocks(p.Change, step.Values.Object) {
					v.block()
				}
				return nil
			})
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return v.outage
}

// noteValues notes what a run does to the Secret of one node.
func (v *preview) noteValues(step plan.Step, node *models.NodePlan, p applier.Preview, state applier.ValuesState) {
	values := step.Values
	set := v.session.values(step.NodeID, values)
	has := func(key string) bool { return set[key] != "" }
	n := &models.ValuesPlan{
		Secret: values.Object.GetName(), Typed: only(values.Keys, has), Missing: append([]string{}, state.Missing...),
		Present: only(state.Present, func(key string) bool { return !has(key) }),
		Removed: only(keysOf(p.Live), func(key string) bool { return !slices.Contains(keysOf(p.Would), key) }),
	}
	for key, value := range v.session.typedFor(step.NodeID, values) {
		if !value.Empty() && !slices.Contains(values.Keys, key) {
			n.Unlisted = append(n.Unlisted, key)
		}
	}
	slices.Sort(n.Unlisted)
	d := v.diffOf(p)
	if changes := v.changedValues(values.Object, p, state); v.deployed && len(changes) > 0 {
		d.Action, d.Changes = models.PlanConfigured, append(d.Changes, changes...)
	}
	v.session.mu.Lock()
	defer v.session.mu.Unlock()
	v.noteOutage(p.Change)
	if p.Action != applier.Failed {
		v.session.revisions[values.Object.GetNamespace()+"/"+values.Object.GetName()] = state.Revision
	}
	node.Values = n
	if p.Action != applier.Skipped || !values.Env { // nothing typed for optional variables is nothing to tell
		node.Add(d)
	}
	node.Warnings = append(node.Warnings, serverWarnings(step, p.Warnings)...)
}

func only(keys []string, which func(string) bool) []string {
	return append([]string{}, slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !which(key) })...)
}

// keysOf returns the sorted keys of a Secret.
func keysOf(o *unstructured.Unstructured) (keys []string) {
	if o == nil {
		return nil
	}
	data, _, _ := unstructured.NestedMap(o.Object, "data")
	for key := range data {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
