package run

import (
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/podpolicy"
	"github.com/kubeorch/core/services/plan"
)

// podProblems returns what the pods of p would do that g does not permit.
func podProblems(g models.ClusterGrant, p *plan.Plan) (found models.Problems, err error) {
	bounds := g.PodBounds()
	if bounds.None() {
		return nil, nil
	}
	policy, err := podpolicy.New(bounds.PodSecurity, bounds.ServiceAccounts)
	if err != nil {
		return nil, err
	}
	for _, step := range p.Steps {
		for _, o := range step.AllObjects() {
			for _, v := range policy.Check(o) {
				found = append(found, models.Problem{Node: step.NodeID, Label: step.Label, Field: v.Field, Message: v.Message})
			}
		}
	}
	return found, nil
}
