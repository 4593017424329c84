package run

import (
	"context"
	"slices"
	"strings"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/services/plan"
	"github.com/kubeorch/core/services/warning"
)

// facts asks the cluster for what warnings depend on.
func (v *preview) facts(ctx context.Context) (facts warning.Facts, err error) {
	conn, err := v.exec.deps.Clusters.ConnectionTo(ctx, *v.session.grant)
	if err != nil {
		return facts, err
	}
	if v.draws(kinds.TypeClaim, kinds.TypeStatefulSet) {
		classes, err := conn.StorageClasses(ctx)
		if err != nil {
			return facts, err
		}
		facts.StorageClasses = warning.Classes(classes)
	}
	if v.draws(kinds.TypeIngress) {
		classes, err := conn.IngressClasses(ctx)
		if err != nil {
			return facts, err
		}
		facts.IngressClasses = warning.Classes(classes)
	}
	return facts, nil
}

func (v *preview) draws(types ...string) bool {
	return slices.ContainsFunc(v.session.plan.Steps, func(s plan.Step) bool { return slices.Contains(types, s.Type) })
}

// warn adds the warnings to their nodes.
func (v *preview) warn(facts warning.Facts) {
	byNode := map[string][]models.PlanWarning{}
	for _, w := range warning.OfPlan(v.session.plan, facts) {
		byNode[w.Node] = append(byNode[w.Node], w)
	}
	for i := range v.plan.Nodes {
		n := &v.plan.Nodes[i]
		n.Warnings = slices.Concat(n.Warnings, byNode[n.NodeID], warning.OfNode(*n))
		if n.Warnings == nil {
			n.Warnings = []models.PlanWarning{}
		}
	}
}

// serverWarnings returns the API server's warnings about an object of a step.
func serverWarnings(step plan.Step, texts []string) (all []models.PlanWarning) {
	for _, text := range texts {
		w := models.PlanWarning{Node: step.NodeID, Code: "api_server", Message: text}
		if strings.Contains(text, "deprecated") {
			w.Code = "deprecated_api"
		}
		all = append(all, w)
	}
	return all
}
