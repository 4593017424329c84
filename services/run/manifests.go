package run

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/services/plan"
)

// Manifests returns, as YAML, what Run would apply for one of owner's workflows as it
// is saved now, in the order of applying; of one node unless nodeID is "". Secrets have
// no values. Only kinds whose version the cluster has to tell make it ask the cluster.
func (e *Executor) Manifests(ctx context.Context, owner, id, nodeID string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(kubernetes.ProbeEarly(ctx), e.opts.PlanDeadline)
	defer cancel()
	w, err := e.deps.Workflows.Get(ctx, owner, id)
	if err != nil {
		return nil, err
	}
	p, err := e.planOf(ctx, w)
	if err != nil {
		return nil, err
	}
	steps := inOrder(p)
	if nodeID != "" {
		steps = slices.DeleteFunc(steps, func(s plan.Step) bool { return s.NodeID != nodeID })
		if len(steps) == 0 {
			return nil, &models.Error{Op: "run.Executor.Manifests", Kind: models.NotFound, Msg: "node not found"}
		}
	}
	if err := e.resolveVersions(ctx, w, steps); err != nil {
		return nil, e.planFailure(ctx, err)
	}
	var out bytes.Buffer
	for _, step := range steps {
		for _, o := range valuesFirst(step) {
			text, err := yaml.Marshal(o.Object)
			if err != nil {
				return nil, fmt.Errorf("run.Executor.Manifests: %w", err)
			}
			if out.Len() > 0 {
				out.WriteString("---\n")
			}
			out.Write(text)
		}
	}
	return out.Bytes(), nil
}

// inOrder returns the steps of p in the order in which they are applied.
func inOrder(p *plan.Plan) []plan.Step {
	first, rest := nodePortsFirst(p.Waves())
	return append(first, slices.Concat(rest...)...)
}

func valuesFirst(step plan.Step) []*unstructured.Unstructured {
	if step.Values == nil {
		return step.Objects
	}
	return append([]*unstructured.Unstructured{step.Values.Object}, step.Objects...)
}

// resolveVersions gives the objects whose version the cluster prefers that version.
func (e *Executor) resolveVersions(ctx context.Context, w models.Workflow, steps []plan.Step) error {
	var conn *kubernetes.Connection
	for _, step := range steps {
		for _, o := range step.Objects {
			gvk := o.GroupVersionKind()
			if gvk.Version != kinds.AnyVersion {
				continue
			}
			if conn == nil {
				g, err := e.deps.Access.RequireFor(ctx, w, models.ClusterRead)
				if err != nil {
					return err
				}
				if conn, err = e.deps.Clusters.ConnectionTo(ctx, g); err != nil {
					return err
				}
			}
			preferred, namespaced, err := conn.ResolveGVK(ctx, gvk.Group, gvk.Kind)
			if kubernetes.ReasonOf(err) == kubernetes.UnknownKind {
				found := models.Problems{{Node: step.NodeID, Label: step.Label, Message: "the cluster does not know the kind " + gvk.GroupKind().String()}}
				return found.Err("run.Executor.resolveVersions")
			}
			if err != nil {
				return err
			}
			o.SetGroupVersionKind(preferred)
			if !namespaced {
				o.SetNamespace("")
			}
		}
	}
	return nil
}
