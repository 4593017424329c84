package findings

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
)

// autoscalerMetrics finds autoscalers that do not know how busy their pods are.
func autoscalerMetrics() Rule {
	return Rule{Check: "autoscaler-metrics", Types: autoscalerOnly(), Look: func(f Facts) (string, []Finding) {
		if f.Autoscaler == nil {
			return "", nil
		}
		c := f.scalerCondition(autoscalingv2.ScalingActive)
		missing := f.MetricsAPI != nil && !*f.MetricsAPI
		if c.Status != corev1.ConditionFalse && !missing {
			return "the metrics of its pods can be read", nil
		}
		if c.Reason == "ScalingDisabled" {
			return "the workload is scaled to zero, so that the autoscaler rests", nil
		}
		one := Finding{
			Message:    "the autoscaler cannot read its metrics: " + Redact(c.Message),
			Suggestion: "check that the pods run, and that what serves these metrics does",
			Evidence: append(statusEvidence(c.Reason+": "+c.Message), eventEvidence(f.eventsOf(f.UID,
				"FailedGetResourceMetric", "FailedGetContainerResourceMetric", "FailedGetPodsMetric", "FailedGetObjectMetric",
				"FailedGetExternalMetric", "FailedComputeMetricsReplicas"))...),
		}
		switch {
		case containsAny(c.Message, "missing request for"):
			one.Message = "a container of the workload has no request for what the autoscaler measures, of which it takes a share"
			one.Suggestion = "set requests for CPU and memory on the workload"
		case missing:
			one.Message = "the cluster does not measure pods: it has no metrics API"
			one.Suggestion = "install the metrics server in the cluster"
		case c.Reason == "FailedGetResourceMetric" && containsAny(c.Message, "no metrics returned", "did not receive metrics"):
			one.Severity = models.DiagnosisWarning // new pods have none for a moment
		}
		return "", []Finding{one}
	}}
}
