package findings

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeorch/core/models"
)

// servicePorts finds ports of a Service that no container has. Containers need not
// declare the ports that they listen on, so that nothing can be said where none does.
func servicePorts() Rule {
	return Rule{Check: "port-config", Types: serviceOnly(), Look: func(f Facts) (string, []Finding) {
		if f.Service == nil || !f.knows(PartPods) {
			return "", nil
		}
		declared := ContainerPorts(f.Pods)
		switch {
		case len(f.Pods) == 0:
			return "", []Finding{{
				Message: "there are no pods to compare the ports with", Severity: models.DiagnosisWarning, Suggestion: "have the selector match pods first",
			}}
		case len(declared) == 0 && !hasNamedTarget(f.Service):
			return "the containers declare no ports, so that none is known to be wrong", nil
		}
		var found []Finding
		for _, p := range f.Service.Spec.Ports {
			if HasPort(declared, p) {
				continue
			}
			found = append(found, Finding{
				Message:    fmt.Sprintf("port %d leads to port %s, which no container has", p.Port, Target(p)),
				Suggestion: "lead it to a port that the containers have: " + portNames(declared),
				FixType:    models.FixPort, AutoFixable: true,
			})
		}
		if len(found) > 0 {
			return "", found
		}
		return "the containers have the ports that the Service leads to", nil
	}}
}

// ContainerPorts returns the distinct ports that the containers of pods declare.
func ContainerPorts(pods []corev1.Pod) []corev1.ContainerPort {
	var all []corev1.ContainerPort
	for _, pod := range pods {
		for _, c := range pod.Spec.Containers {
			for _, p := range c.Ports {
				p = corev1.ContainerPort{Name: p.Name, ContainerPort: p.ContainerPort, Protocol: p.Protocol}
				if !slices.Contains(all, p) {
					all = append(all, p)
				}
			}
		}
	}
	return all
}

// HasPort reports whether a port of a Service leads to one of the declared ports.
func HasPort(declared []corev1.ContainerPort, p corev1.ServicePort) bool {
	target := Target(p)
	return slices.ContainsFunc(declared, func(c corev1.ContainerPort) bool {
		same := c.Name == target.StrVal
		if target.Type == intstr.Int {
			same = c.ContainerPort == target.IntVal
		}
		return same && protocol(c.Protocol) == protocol(p.Protocol)
	})
}

// Target returns the pods' port that a port of a Service leads to.
func Target(p corev1.ServicePort) *intstr.IntOrString {
	if p.TargetPort == (intstr.IntOrString{}) {
		return new(intstr.FromInt32(p.Port))
	}
	return &p.TargetPort
}

func protocol(p corev1.Protocol) corev1.Protocol {
	if p == "" {
		return corev1.ProtocolTCP
	}
	return p
}

func hasNamedTarget(s *corev1.Service) bool {
	return slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.TargetPort.Type == intstr.String })
}

func portNames(declared []corev1.ContainerPort) string {
	if len(declared) == 0 {
		return "they declare none"
	}
	var names []string
	for _, p := range declared {
		text := fmt.Sprint(p.ContainerPort)
		if p.Name != "" {
			text += " (" + p.Name + ")"
		}
		names = append(names, text)
	}
	return strings.Join(names, ", ")
}
