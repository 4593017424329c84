package validator

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// IngressPath checks a path of an ingress. Unless it is left to the
// controller it must be plain: no empty, "." or ".." part and no hidden slash.
func IngressPath(path, pathType string) string {
	if !strings.HasPrefix(path, "/") {
		return `must begin with "/"`
	}
	if pathType == "ImplementationSpecific" {
		return ""
	}
	for _, bad := range []string{"//", "/./", "/../", "%2f", "%2F"} {
		if strings.Contains(path, bad) {
			return "must not contain " + show(bad)
		}
	}
	for _, bad := range []string{"/..", "/."} {
		if strings.HasSuffix(path, bad) {
			return "must not end with " + show(bad)
		}
	}
	return ""
}

// Host checks a host name of an ingress; its first label may be "*".
func Host(s string) string {
	if len(validation.IsValidIPForLegacyField(nil, s, false, nil)) == 0 {
		return "must be a host name, not an address"
	}
	return CertificateHost(s)
}

// CertificateHost checks a host of an ingress's TLS entry, which may look like
// an address, too.
func CertificateHost(s string) string {
	if strings.HasPrefix(s, "*.") {
		return wildcard(s)
	}
	return Subdomain(s)
}
