package findings

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
)

// probes finds pods whose probes fail. A readiness probe that has just begun may fail
// for a while, so it is a warning.
func probes() Rule {
	return Rule{Check: "probes", Types: workloadTypes(), Look: func(f Facts) (string, []Finding) {
		found := f.eachPod(func(pod *corev1.Pod) (Finding, bool) {
			events := f.eventsOf(pod.UID, "Unhealthy")
			if len(events) == 0 || isReady(pod) {
				return Finding{}, false
			}
			probe, _, _ := strings.Cut(events[0].Message, " ")
			one := Finding{
				Message: fmt.Sprintf("the %s probe of the pod fails", strings.ToLower(probe)), Severity: models.DiagnosisWarning,
				Suggestion: "compare path and port of the probe with what the program serves, and give a slow one more time",
				Evidence:   append(eventEvidence(events), probeEvidence(pod)...),
			}
			if probe != "Readiness" { // the cluster ends such a container
				one.Severity = models.DiagnosisError
			}
			return one, true
		})
		return f.allWell("no probe fails"), found
	}}
}

// probeEvidence tells what the probes of a pod ask.
func probeEvidence(pod *corev1.Pod) []models.Evidence {
	var texts []string
	tell := func(name, container string, p *corev1.Probe) {
		switch {
		case p == nil:
		case p.HTTPGet != nil:
			texts = append(texts, fmt.Sprintf("the %s probe of %q asks for %s on port %s", name, container, p.HTTPGet.Path, p.HTTPGet.Port.String()))
		case p.TCPSocket != nil:
			texts = append(texts, fmt.Sprintf("the %s probe of %q connects to port %s", name, container, p.TCPSocket.Port.String()))
		}
	}
	for _, c := range pod.Spec.Containers {
		tell("startup", c.Name, c.StartupProbe)
		tell("liveness", c.Name, c.LivenessProbe)
		tell("readiness", c.Name, c.ReadinessProbe)
	}
	return statusEvidence(texts...)
}
