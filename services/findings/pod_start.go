package findings

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// podStart finds pods that have a node and an image and still cannot start: for a
// Secret, ConfigMap, key, volume or network that is not there.
func podStart() Rule {
	return Rule{Check: "pod-start", Types: workloadTypes(), Look: func(f Facts) (string, []Finding) {
		found := f.eachContainer(func(c container) (Finding, bool) {
			waiting := c.status.State.Waiting
			if waiting == nil || !slices.Contains([]string{
				"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PostStartHookError",
			}, waiting.Reason) {
				return Finding{}, false
			}
			one := Finding{
				Message:    fmt.Sprintf("container %q cannot be made: %s", c.spec.Name, Redact(waiting.Message)),
				Suggestion: "correct what the container refers to",
				Evidence:   statusEvidence(waiting.Reason + ": " + waiting.Message),
			}
			if containsAny(waiting.Message, "secret", "configmap", "couldn't find key") {
				one.Suggestion = "create the Secret or ConfigMap with that key, or correct the reference to it; values of secrets are typed at a run"
			}
			return one, true
		})
		return f.allWell("nothing keeps containers from starting"), append(found, f.eachPod(func(pod *corev1.Pod) (Finding, bool) {
			events := f.eventsOf(pod.UID, "FailedMount", "FailedMapVolume", "FailedAttachVolume", "FailedCreatePodSandBox")
			if pod.Status.Phase != corev1.PodPending || len(events) == 0 {
				return Finding{}, false
			}
			one := Finding{
				Message:    "a volume of the pod cannot be mounted",
				Suggestion: "correct the volume: the Secret, ConfigMap or claim behind it has to exist, and a claim has to be free on this node",
				Evidence:   eventEvidence(events),
			}
			if events[0].Reason == "FailedCreatePodSandBox" {
				one.Message, one.Suggestion = "the node cannot make the pod's network", "look at the cluster's network plugin on that node"
			}
			return one, true
		})...)
	}}
}
