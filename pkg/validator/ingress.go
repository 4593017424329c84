package validator

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// IngressPath checks a path of an ingress. Unless its type is
// ImplementationSpecific it must have no empty, "." or ".." segment and no escaped
// slash.
func IngressPath(path, pathType string) string {
	if !strings.HasPrefix(path, "/") {
		return `must begin with "/"`
	}
	if pathType == "ImplementationSpecific" {
		return ""
	}
	for _, bad := range []string{"//", "/./", "/../", "%2f", "%2F"} {
		if strings.Contains(path, bad) {
			return "must not contain " + quoted(bad)
		}
	}
	for _, bad := range []string{"/..", "/."} {
		if strings.HasSuffix(path, bad) {
			return "must not end with " + quoted(bad)
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
