package findings

import (
	"fmt"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeorch/core/models"
)

// serviceSelector finds Services that select no pod.
func serviceSelector() Rule {
	return Rule{Check: "selector-match", Types: serviceOnly(), Look: func(f Facts) (string, []Finding) {
		if f.Service == nil || !f.knows(PartPods) {
			return "", nil
		}
		one := Finding{FixType: models.FixSelector, AutoFixable: true}
		switch selector := f.Service.Spec.Selector; {
		case len(selector) == 0:
			one.Message = "the Service has no selector, so that it belongs to no pods"
			one.Suggestion = "join the Service to a workload, or name the app label of its pods"
		case len(f.Pods) == 0:
			one.Message = fmt.Sprintf("the selector %s matches no pod in namespace %q", labels.FormatLabels(selector), f.Object.Namespace)
			one.Suggestion = "select labels that pods of this namespace have, and check that the workload has pods"
		default:
			return fmt.Sprintf("the selector matches %s", count(len(f.Pods), f.MorePods, "pod")), nil
		}
		return "", []Finding{one}
	}}
}

// count returns "1 pod", "3 pods", "more than 200 pods".
func count(n int, more bool, what string) string {
	text := fmt.Sprintf("%d %s", n, what)
	if n != 1 {
		text += "s"
	}
	if more {
		text = "more than " + text
	}
	return text
}
