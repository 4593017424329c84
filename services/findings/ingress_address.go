package findings

import "github.com/kubeorch/core/models"

// ingressAddress finds Ingresses that no controller has given an address.
func ingressAddress() Rule {
	return Rule{Check: "ingress-address", Types: ingressOnly(), Look: func(f Facts) (string, []Finding) {
		if f.Ingress == nil {
			return "", nil
		}
		for _, in := range f.Ingress.Status.LoadBalancer.Ingress {
			if in.IP != "" || in.Hostname != "" {
				return "it has the address " + in.IP + in.Hostname, nil
			}
		}
		return "", []Finding{{
			Message: "the Ingress has no address yet", Severity: models.DiagnosisWarning,
			Suggestion: "check that an ingress controller for its class runs in the cluster",
			Evidence:   eventEvidence(f.eventsOf(f.UID)),
		}}
	}}
}
