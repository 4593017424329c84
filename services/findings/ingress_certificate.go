package findings

import "fmt"

// ingressCertificate finds Ingresses whose certificate does not exist.
func ingressCertificate() Rule {
	return Rule{Check: "ingress-certificate", Types: ingressOnly(), Look: func(f Facts) (string, []Finding) {
		if f.Ingress == nil || !f.knows(PartSecrets) {
			return "", nil
		}
		var found []Finding
		named := false
		for _, tls := range f.Ingress.Spec.TLS {
			there, read := f.Secrets[tls.SecretName]
			named = named || tls.SecretName != ""
			if tls.SecretName != "" && read && !there {
				found = append(found, Finding{
					Message:    fmt.Sprintf("there is no Secret %q with the certificate for %v in namespace %q", tls.SecretName, tls.Hosts, f.Object.Namespace),
					Suggestion: "create a Secret of type kubernetes.io/tls of that name, or have cert-manager make it",
				})
			}
		}
		if len(found) > 0 || !named {
			return "", found
		}
		return "the Secrets of its certificates exist", nil
	}}
}
