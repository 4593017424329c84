package findings

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubeorch/core/models"
)

// ingressBackend finds paths of an Ingress that lead to no Service, or to a port that
// the Service does not have.
func ingressBackend() Rule {
	return Rule{Check: "ingress-backend", Types: ingressOnly(), Look: func(f Facts) (string, []Finding) {
		if f.Ingress == nil || !f.knows(PartBackends) {
			return "", nil
		}
		backends := Backends(f.Ingress)
		if len(backends) == 0 {
			return "", []Finding{{
				Message: "the Ingress leads nowhere: it has no path with a Service", Severity: models.DiagnosisWarning, Suggestion: "join the Ingress to a service",
			}}
		}
		var found []Finding
		for _, b := range backends {
			service, read := f.Backends[b.Name]
			switch {
			case !read:
				continue // beyond what is read of one Ingress
			case service == nil:
				found = append(found, Finding{
					Message:    fmt.Sprintf("there is no Service %q in namespace %q, which a path leads to", b.Name, f.Object.Namespace),
					Suggestion: "draw and run that service, or lead the path to another one",
				})
			case !offers(service, b.Port):
				found = append(found, Finding{
					Message:    fmt.Sprintf("Service %q has no port %s, which a path leads to", b.Name, portText(b.Port)),
					Suggestion: "lead the path to a port of the Service",
					Object:     models.ObjectName{Kind: "Service", Namespace: service.Namespace, Name: service.Name}, Parent: &f.Object,
				})
			}
		}
		if len(found) > 0 {
			return "", found
		}
		return "the Services that it leads to exist", nil
	}}
}

// Backends returns the distinct Services and ports that an Ingress leads to.
func Backends(in *networkingv1.Ingress) []networkingv1.IngressServiceBackend {
	var all []networkingv1.IngressServiceBackend
	add := func(b *networkingv1.IngressBackend) {
		if b != nil && b.Service != nil && !slices.Contains(all, *b.Service) {
			all = append(all, *b.Service)
		}
	}
	add(in.Spec.DefaultBackend)
	for _, r := range in.Spec.Rules {
		if r.HTTP == nil {
			continue
		}
		for i := range r.HTTP.Paths {
			add(&r.HTTP.Paths[i].Backend)
		}
	}
	return all
}

func offers(s *corev1.Service, port networkingv1.ServiceBackendPort) bool {
	return slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool {
		return port.Name != "" && p.Name == port.Name || port.Name == "" && p.Port == port.Number
	})
}

func portText(p networkingv1.ServiceBackendPort) string {
	if p.Name != "" {
		return fmt.Sprintf("%q", p.Name)
	}
	return fmt.Sprint(p.Number)
}
