package egress

import "net/netip"

// alwaysRefused returns why ip is refused whatever the options allow, or "".
func alwaysRefused(ip netip.Addr) string {
	switch {
	case isMetadata(ip):
		return "it is a cloud metadata address"
	case ip.IsLinkLocalUnicast(), ip.IsLinkLocalMulticast():
		return "it is a link-local address"
	case ip.IsMulticast():
		return "it is a multicast address"
	}
	return ""
}

// isMetadata reports whether ip is, or belongs to the range of, a service that
// a cloud offers to its machines only. Such services hand out credentials to
// whoever asks. Further ones are at link-local addresses.
func isMetadata(ip netip.Addr) bool {
	for _, p := range metadataRanges() {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

func metadataRanges() []netip.Prefix {
	v4 := func(a, b, c, d byte) netip.Prefix { return netip.PrefixFrom(netip.AddrFrom4([4]byte{a, b, c, d}), 32) }
	return []netip.Prefix{
		v4(169, 254, 169, 254),                          // AWS, Azure, GCP, Oracle, DigitalOcean, Hetzner, IBM, OpenStack and others
		v4(169, 254, 170, 2),                            // AWS ECS: credentials of a task
		v4(169, 254, 170, 23),                           // AWS EKS: credentials of a pod
		v4(169, 254, 0, 23),                             // Tencent
		v4(169, 254, 42, 42),                            // Scaleway
		v4(100, 100, 100, 200),                          // Alibaba
		v4(168, 63, 129, 16),                            // Azure: the agent's wire server
		v4(192, 0, 0, 192),                              // Oracle Cloud Classic
		netip.MustParsePrefix("fd00:ec2::/32"),          // AWS: metadata ::254, EKS ::23, DNS ::253, time ::123
		netip.MustParsePrefix("fd20:ce::254/128"),       // GCP
		netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), // Oracle
		netip.MustParsePrefix("fd00:42::42/128"),        // Scaleway
		netip.MustParsePrefix("fd00:a9fe:a9fe::1/128"),  // Akamai (Linode)
	}
}
