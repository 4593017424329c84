package findings

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
)

// serviceBalancer finds Services of type LoadBalancer that have no address.
func serviceBalancer() Rule {
	return Rule{Check: "loadbalancer-provisioned", Types: serviceOnly(), Look: func(f Facts) (string, []Finding) {
		if f.Service == nil || f.Service.Spec.Type != corev1.ServiceTypeLoadBalancer {
			return "", nil
		}
		for _, in := range f.Service.Status.LoadBalancer.Ingress {
			if at := cmp.Or(in.IP, in.Hostname); at != "" {
				return "the load balancer has the address " + at, nil
			}
		}
		one := Finding{
			Message: "the load balancer has no address", FixType: models.FixMetalLBPool,
			Suggestion: "install a controller that gives addresses, such as MetalLB, or use the type NodePort",
			Evidence:   eventEvidence(f.eventsOf(f.UID)),
		}
		switch {
		case CloudOf(f.Nodes) != "":
			one.Suggestion = "the cluster runs in the cloud " + CloudOf(f.Nodes) + ", whose controller gives addresses: look at its events and quotas"
		case f.Balancer.MetalLB && f.Balancer.Pools:
			one.Suggestion = "MetalLB has pools; look whether they have addresses left and may be used from this namespace"
		case f.Balancer.MetalLB:
			one.Message += ": MetalLB has no pool of addresses"
			one.Suggestion = "give MetalLB a pool of free addresses of the nodes' network"
			one.AutoFixable = len(NodeNetworks(f.Nodes)) > 0
		}
		return "", []Finding{one}
	}}
}

// CloudOf returns the name of the cloud that the nodes say they are machines of, or "".
func CloudOf(nodes []corev1.Node) string {
	for _, n := range nodes {
		cloud, _, ok := strings.Cut(n.Spec.ProviderID, "://")
		if ok && !slices.Contains([]string{"kind", "k3s", "kwok", "metal3", "vsphere", "nutanix", "proxmox", "hcloud-robot"}, cloud) {
			return cloud
		}
	}
	return ""
}

// NodeNetworks returns the networks of 256 addresses that the nodes' internal IPv4
// addresses are in, in the order of the nodes.
func NodeNetworks(nodes []corev1.Node) []netip.Prefix {
	const bits = 24
	var found []netip.Prefix
	for _, at := range NodeAddresses(nodes) {
		if p := netip.PrefixFrom(at, bits).Masked(); !slices.Contains(found, p) {
			found = append(found, p)
		}
	}
	return found
}

// NodeAddresses returns the nodes' internal IPv4 addresses.
func NodeAddresses(nodes []corev1.Node) []netip.Addr {
	var found []netip.Addr
	for _, n := range nodes {
		for _, a := range n.Status.Addresses {
			if at, err := netip.ParseAddr(a.Address); err == nil && at.Is4() && a.Type == corev1.NodeInternalIP {
				found = append(found, at)
			}
		}
	}
	return found
}
