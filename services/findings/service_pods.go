package findings

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
)

// servicePods finds Services whose pods are not ready.
func servicePods() Rule {
	return Rule{Check: "pods-ready", Types: serviceOnly(), Look: func(f Facts) (string, []Finding) {
		if f.Service == nil || !f.knows(PartPods) {
			return "", nil
		}
		ready, all := 0, 0
		for i := range f.Pods {
			if pod := &f.Pods[i]; pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded {
				all++
				if isReady(pod) {
					ready++
				}
			}
		}
		one := Finding{
			Message:    fmt.Sprintf("%d of %d pods are ready", ready, all),
			Suggestion: "look at the findings about the pods, and at the diagnostics of their workload",
		}
		switch {
		case all == 0:
			one.Message, one.Suggestion = "there are no pods behind the Service", "check the selector, and that the workload has pods"
		case ready == all:
			return one.Message, nil
		case ready > 0:
			one.Severity = models.DiagnosisWarning
		}
		return "", []Finding{one}
	}}
}
