package findings

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

const typeIngress = "ingress"

func ingressOnly() []string { return []string{typeIngress} }

// ingressClass finds Ingresses that no controller looks after.
func ingressClass() Rule {
	return Rule{Check: "ingress-class", Types: ingressOnly(), Look: func(f Facts) (string, []Finding) {
		if f.Ingress == nil || !f.knows(PartIngressClasses) {
			return "", nil
		}
		var names []string
		byDefault := ""
		for _, c := range f.IngressClasses {
			names = append(names, c.Name)
			if c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true" {
				byDefault = c.Name
			}
		}
		class := f.Ingress.Annotations["kubernetes.io/ingress.class"]
		if c := f.Ingress.Spec.IngressClassName; c != nil {
			class = *c
		}
		offered := "the cluster has no ingress class: install an ingress controller"
		if len(names) > 0 {
			offered = "use one of the cluster's classes: " + strings.Join(names, ", ")
		}
		switch {
		case class == "" && byDefault != "":
			return fmt.Sprintf("it has the cluster's default class %q", byDefault), nil
		case class == "":
			return "", []Finding{{Message: "the Ingress has no class, and the cluster has no default class", Suggestion: offered}}
		case slices.Contains(names, class):
			return fmt.Sprintf("the class %q exists", class), nil
		}
		return "", []Finding{{Message: fmt.Sprintf("there is no ingress class %q in the cluster, so that no controller serves it", class), Suggestion: offered}}
	}}
}
