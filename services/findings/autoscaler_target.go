package findings

import (
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
)

func autoscalerOnly() []string { return []string{"hpa"} }

// scalerCondition returns a condition of the autoscaler, zero while it has none.
func (f Facts) scalerCondition(kind autoscalingv2.HorizontalPodAutoscalerConditionType) autoscalingv2.HorizontalPodAutoscalerCondition {
	for _, c := range f.Autoscaler.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return autoscalingv2.HorizontalPodAutoscalerCondition{}
}

// autoscalerTarget finds autoscalers whose workload cannot be scaled.
func autoscalerTarget() Rule {
	return Rule{Check: "autoscaler-target", Types: autoscalerOnly(), Look: func(f Facts) (string, []Finding) {
		if f.Autoscaler == nil {
			return "", nil
		}
		target := f.Autoscaler.Spec.ScaleTargetRef
		if c := f.scalerCondition(autoscalingv2.AbleToScale); c.Status == corev1.ConditionFalse {
			return "", []Finding{{
				Message:    fmt.Sprintf("%s %q cannot be scaled: %s", target.Kind, target.Name, Redact(c.Message)),
				Suggestion: "join the autoscaler to a workload that exists, and run that first",
				Evidence:   append(statusEvidence(c.Reason+": "+c.Message), eventEvidence(f.eventsOf(f.UID, "FailedGetScale"))...),
			}}
		}
		return fmt.Sprintf("it scales %s %q", target.Kind, target.Name), nil
	}}
}
