package diagnostics

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/services/findings"
)

const (
	metalLBNamespace = "metallb-system"
	metalLBVersion   = "metallb.io/v1beta1"
)

func metalLB(kind string) schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(metalLBVersion, kind)
}

// balancerOf looks whether MetalLB is in a cluster, and whether it has a pool.
func balancerOf(ctx context.Context, c cluster) (b findings.Balancer, err error) {
	for _, kind := range []string{"IPAddressPool", "L2Advertisement"} {
		some, _, err := c.Read(ctx, kubernetes.ReadRequest{Kind: metalLB(kind), Most: 1})
		if kubernetes.ReasonOf(err) == kubernetes.UnknownKind {
			return findings.Balancer{}, nil
		}
		if err != nil {
			return findings.Balancer{}, err
		}
		b.Pools = b.Pools || kind == "IPAddressPool" && len(some) > 0
	}
	b.MetalLB = true
	return b, nil
}
