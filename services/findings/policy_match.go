package findings

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/models"
)

// policyMatch finds policies that are about no pod.
func policyMatch() Rule {
	return Rule{Check: "policy-match", Types: []string{"networkpolicy"}, Look: func(f Facts) (string, []Finding) {
		if f.Policy == nil || !f.knows(PartPods) {
			return "", nil
		}
		if len(f.Pods) > 0 {
			return "the policy is about " + count(len(f.Pods), f.MorePods, "pod"), nil
		}
		return "", []Finding{{
			Message: fmt.Sprintf("the policy matches no pod in namespace %q: its selector is %s",
				f.Object.Namespace, metav1.FormatLabelSelector(&f.Policy.Spec.PodSelector)),
			Severity:   models.DiagnosisWarning,
			Suggestion: "join the policy to the workload that it is to protect, and check that both are in one namespace",
		}}
	}}
}
