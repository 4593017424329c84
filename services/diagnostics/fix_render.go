package diagnostics

import (
	"errors"
	"maps"
	"slices"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/plan"
)

// changeFor returns the change of the node's data. The drawing decides what it renders
// to: what it cannot say, or what an edge says otherwise, is refused.
func (f serviceFix) changeFor(on subject, doc map[string]any) (models.Data, error) {
	var wrong, other models.Problems
	for _, change := range f.candidates(doc) {
		drawn, err := f.render(on.changed(change))
		if invalid, ok := errors.AsType[*models.Error](err); ok && len(invalid.Problems) > 0 {
			wrong = invalid.Problems
			continue
		}
		if err != nil {
			return nil, err
		}
		paths := differing(drawn, doc, "")
		if len(paths) == 0 {
			return change, nil
		}
		other = nil
		for _, at := range paths[:min(len(paths), maxProblems)] {
			other.Addf("yaml", "%s cannot be this: the drawing says otherwise, by other settings of the node or by an edge", at)
		}
	}
	if len(wrong) > 0 {
		return nil, wrong.Err("diagnostics.serviceFix.changeFor")
	}
	return nil, other.Err("diagnostics.serviceFix.changeFor")
}

// candidates are the changes that may lead to a document, the smallest first.
func (f serviceFix) candidates(doc map[string]any) []models.Data {
	if f.part == "selector" {
		selector, _ := at(doc, "spec", "selector").(map[string]any)
		app, _ := selector["app"].(string)
		change := models.Data{"targetApp": app, "selector": nil}
		if len(selector) > 1 || app == "" {
			rest := maps.Clone(selector)
			delete(rest, "app")
			change["selector"] = rest
		}
		return []models.Data{{}, change}
	}
	ports, _ := at(doc, "spec", "ports").([]any)
	all := []models.Data{{}}
	if len(ports) == 1 {
		if one, ok := ports[0].(map[string]any); ok {
			all = append(all, models.Data{"port": one["port"], "targetPort": one["targetPort"], "ports": nil})
		}
	}
	return append(all, models.Data{"ports": ports})
}

// changed returns the workflow with other data of the node; nil removes a key.
func (on subject) changed(change models.Data) subject {
	on.node.Data = maps.Clone(on.node.Data)
	for key, v := range change {
		if v == nil {
			delete(on.node.Data, key)
		} else {
			on.node.Data[key] = v
		}
	}
	on.workflow.Nodes = slices.Clone(on.workflow.Nodes)
	for i, n := range on.workflow.Nodes {
		if n.ID == on.node.ID {
			on.workflow.Nodes[i] = on.node
		}
	}
	return on
}

// render returns the Service as it is drawn, without what marks it as a workflow's.
func (f serviceFix) render(on subject) (map[string]any, error) {
	p, problems := plan.Build(on.workflow.Graph(), f.deps.Kinds, plan.Options{WorkflowID: on.workflow.ID})
	if err := problems.Err("diagnostics.serviceFix.render"); err != nil {
		return nil, err
	}
	for _, step := range p.Steps {
		if step.NodeID != on.node.ID {
			continue
		}
		o := step.Objects[len(step.Objects)-1]
		docs, err := asJSON(map[string]any{
			"apiVersion": o.GetAPIVersion(), "kind": o.GetKind(), "spec": o.Object["spec"],
			"metadata": map[string]any{"name": o.GetName(), "namespace": o.GetNamespace()},
		})
		if err != nil {
			return nil, err
		}
		return docs[0], nil
	}
	return nil, notApplicable("the node makes no Service")
}
