package diagnostics

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/services/findings"
)

const (
	poolName = "kubeorch-pool"
	// The last bytes of the first and the last address that are offered.
	firstOffered, lastOffered = 100, 110
	maxRanges                 = 16 // of a posted pool
)

// poolFix gives MetalLB a pool of addresses of the nodes' network. It makes two objects
// and touches nothing else.
type poolFix struct{ *Service }

// clusterWriter applies and deletes objects; see applier.Applier.
type clusterWriter interface {
	Apply(ctx context.Context, reqs []applier.Request, done func(int, applier.Change)) []applier.Change
	Try(ctx context.Context, reqs []applier.Request) []applier.Change
	Delete(ctx context.Context, refs []applier.Ref, o applier.DeleteOptions) []applier.Change
}

// Writer returns what writes objects with the given labels into the cluster of a grant,
// within its bounds.
type Writer func(ctx context.Context, g models.ClusterGrant, owner map[string]string) (clusterWriter, error)

// WriteThrough adapts a function that returns connections.
func WriteThrough(connect func(ctx context.Context, g models.ClusterGrant) (*kubernetes.Connection, error)) Writer {
	return func(ctx context.Context, g models.ClusterGrant, owner map[string]string) (clusterWriter, error) {
		conn, err := connect(ctx, g)
		if err != nil {
			return nil, err
		}
		opts := applier.DefaultOptions(owner)
		opts.Namespaces = g.Namespaces
		return applier.New(conn, opts), nil
	}
}

// poolOwner marks the objects of this fix. They are no workflow's: others use the
// addresses as well, and a run must not remove them.
func poolOwner() map[string]string {
	return map[string]string{"app.kubernetes.io/managed-by": "kubeorch", "kubeorch.io/fix": models.FixMetalLBPool}
}

// grant requires that the owner of the workflow may make objects in MetalLB's namespace.
func (f poolFix) grant(ctx context.Context, on subject) (models.ClusterGrant, error) {
	g, err := f.deps.Access.RequireFor(ctx, on.workflow, models.ClusterDeploy)
	if err != nil {
		return g, err
	}
	return g, requireNamespace(g, metalLBNamespace)
}

func (f poolFix) propose(ctx context.Context, on subject) (proposal, error) {
	nodes, err := f.look(ctx, on)
	if err != nil {
		return proposal{}, err
	}
	network := findings.NodeNetworks(nodes)[0]
	ranges := offeredRanges(network, findings.NodeAddresses(nodes))
	meta := map[string]any{"name": poolName, "namespace": metalLBNamespace}
	docs, err := asJSON(
		map[string]any{
			"apiVersion": metalLBVersion, "kind": "IPAddressPool", "metadata": meta, "spec": map[string]any{"addresses": ranges},
		},
		map[string]any{
			"apiVersion": metalLBVersion, "kind": "L2Advertisement", "metadata": meta,
			"spec": map[string]any{"ipAddressPools": []any{poolName}},
		},
	)
	return proposal{
		name:        "Give MetalLB addresses",
		description: "Makes a pool of addresses of the nodes' network " + network.String() + ", which MetalLB gives to Services of type LoadBalancer.",
		comments:    []string{"nothing else may use these addresses: keep them out of the range of DHCP", "kube-proxy in IPVS mode needs strictARP: true, which this fix does not set"},
		docs:        docs, free: "spec.addresses",
	}, err
}

// look returns the nodes of a cluster in which the fix is applicable.
func (f poolFix) look(ctx context.Context, on subject) ([]corev1.Node, error) {
	const op = "diagnostics.poolFix.look"
	g, err := f.grant(ctx, on)
	if err != nil {
		return nil, err
	}
	c, err := f.deps.Connect(ctx, g)
	if err != nil {
		return nil, clusterFailure(op, err)
	}
	r := &reader{cluster: c}
	nodes, _, err := list[corev1.Node](ctx, r, kubernetes.ReadRequest{Kind: core("Node"), Most: maxNodes})
	if err != nil {
		return nil, clusterFailure(op, err)
	}
	b, err := balancerOf(ctx, c)
	switch {
	case err != nil:
		return nil, clusterFailure(op, err)
	case findings.CloudOf(nodes) != "":
		return nil, notApplicable("the cluster runs in the cloud %s, whose own controller gives addresses", findings.CloudOf(nodes))
	case !b.MetalLB:
		return nil, notApplicable("MetalLB is not installed in this cluster, at least not with %s; install it first", metalLBVersion)
	case b.Pools:
		return nil, notApplicable("MetalLB has a pool of addresses already")
	case len(findings.NodeNetworks(nodes)) == 0:
		return nil, notApplicable("no node has an internal IPv4 address from whose network addresses could be offered")
	}
	return nodes, nil
}

// offeredRanges returns the ranges of a network that are offered, without the addresses
// of nodes.
func offeredRanges(network netip.Prefix, taken []netip.Addr) (ranges []any) {
	base := network.Addr().As4()
	address := func(last int) netip.Addr {
		base[3] = byte(last)
		return netip.AddrFrom4(base)
	}
	begin := firstOffered
	for last := firstOffered; last <= lastOffered+1; last++ {
		if last <= lastOffered && !slices.Contains(taken, address(last)) {
			continue
		}
		if begin < last {
			ranges = append(ranges, address(begin).String()+"-"+address(last-1).String())
		}
		begin = last + 1
	}
	return ranges
}

func (f poolFix) apply(ctx context.Context, on subject, docs documents, dryRun bool) (outcome, error) {
	nodes, err := f.look(ctx, on)
	if err != nil {
		return outcome{}, err
	}
	if err := checkRanges(docs[0], nodes).Err("diagnostics.poolFix.apply"); err != nil {
		return outcome{}, err
	}
	g, err := f.grant(ctx, on)
	if err != nil {
		return outcome{}, err
	}
	w, err := f.deps.Writer(ctx, g, poolOwner())
	if err != nil {
		return outcome{}, clusterFailure("diagnostics.poolFix.apply", err)
	}
	var reqs []applier.Request
	for _, doc := range docs {
		reqs = append(reqs, applier.Request{Object: &unstructured.Unstructured{Object: doc}})
	}
	out := outcome{message: "this is what the fix would do; nothing was changed"}
	if dryRun {
		out.changes, err = applied(w.Try(ctx, reqs))
		return out, err
	}
	changes := w.Apply(ctx, reqs, nil)
	out.message = "MetalLB has addresses now, and gives one to the Service in a moment"
	out.record = models.FixRecord{Cluster: g.Cluster.ID}
	for _, c := range changes {
		if c.Action == applier.Created {
			out.record.Made = append(out.record.Made, c.Kind)
		}
	}
	out.changes, err = applied(changes)
	return out, err
}

// checkRanges returns what is wrong with posted addresses. They are announced in the
// nodes' network, so that an address of it which is somebody else's would be taken over:
// those of nodes, and the ends of the network, are refused.
func checkRanges(pool map[string]any, nodes []corev1.Node) (p models.Problems) {
	list, ok := at(pool, "spec", "addresses").([]any)
	if !ok || len(list) == 0 || len(list) > maxRanges {
		p.Addf("yaml", "spec.addresses must be a list of 1 to %d ranges", maxRanges)
		return p
	}
	networks, taken := findings.NodeNetworks(nodes), findings.NodeAddresses(nodes)
	for i, e := range list {
		text, _ := e.(string)
		first, last, ok := parseRange(text)
		field := fmt.Sprintf("spec.addresses[%d]", i)
		n := slices.IndexFunc(networks, func(n netip.Prefix) bool { return ok && n.Contains(first) && n.Contains(last) })
		switch {
		case !ok:
			p.Addf("yaml", "%s must be a range such as 192.168.1.100-192.168.1.110", field)
		case n < 0:
			p.Addf("yaml", "%s must be within a network of the nodes: %v", field, networks)
		case first.As4()[3] == 0 || last.As4()[3] == 255:
			p.Addf("yaml", "%s must not hold the first or the last address of the network", field)
		case slices.ContainsFunc(taken, func(a netip.Addr) bool { return !a.Less(first) && !last.Less(a) }):
			p.Addf("yaml", "%s holds the address of a node", field)
		}
	}
	return p
}

// parseRange reads "first-last" or a prefix, of IPv4.
func parseRange(text string) (first, last netip.Addr, ok bool) {
	if prefix, err := netip.ParsePrefix(text); err == nil && prefix.Addr().Is4() && prefix.Bits() >= 24 {
		first = prefix.Masked().Addr()
		end := first.As4()
		end[3] += byte(1<<(32-prefix.Bits()) - 1)
		return first, netip.AddrFrom4(end), true
	}
	from, to, found := strings.Cut(text, "-")
	first, err := netip.ParseAddr(strings.TrimSpace(from))
	last, err2 := netip.ParseAddr(strings.TrimSpace(to))
	return first, last, found && err == nil && err2 == nil && first.Is4() && last.Is4() && !last.Less(first)
}

// undo deletes what the fix made, if that is still marked as such.
func (f poolFix) undo(ctx context.Context, on subject, r models.FixRecord) (outcome, error) {
	const op = "diagnostics.poolFix.undo"
	g, err := f.grant(ctx, on)
	if err != nil {
		return outcome{}, err
	}
	if g.Cluster.ID != r.Cluster {
		return outcome{}, &models.Error{Op: op, Kind: models.Conflict, Msg: "the workflow has another cluster now"}
	}
	w, err := f.deps.Writer(ctx, g, poolOwner())
	if err != nil {
		return outcome{}, clusterFailure(op, err)
	}
	var refs []applier.Ref
	for _, kind := range r.Made {
		refs = append(refs, applier.Ref{GroupVersionKind: metalLB(kind), Namespace: metalLBNamespace, Name: poolName})
	}
	out := outcome{message: "the pool was removed; Services that have an address of it lose that"}
	out.changes, err = applied(w.Delete(ctx, refs, applier.DeleteOptions{}))
	return out, err
}
