package validator

import (
	"fmt"
	"net/netip"

	"k8s.io/apimachinery/pkg/util/validation"
)

// CIDR checks an address range like 10.0.0.0/8. As Kubernetes requires, no bit
// beyond the prefix may be set.
func CIDR(s string) string {
	return details(validation.IsValidCIDRForLegacyField(nil, s, true, nil))
}

// IP checks an IPv4 or IPv6 address.
func IP(s string) string {
	return details(validation.IsValidIPForLegacyField(nil, s, true, nil))
}

// Within checks that the range inner is a part of the range outer and smaller. Both
// must be valid for CIDR.
func Within(inner, outer string) string {
	in, err := netip.ParsePrefix(inner)
	if err != nil {
		return CIDR(inner)
	}
	out, err := netip.ParsePrefix(outer)
	if err != nil {
		return CIDR(outer)
	}
	if !out.Contains(in.Addr()) || in.Bits() <= out.Bits() {
		return fmt.Sprintf("%s must be a smaller range inside %s", inner, outer)
	}
	return ""
}
