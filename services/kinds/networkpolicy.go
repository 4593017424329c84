package kinds

import (
	"maps"
	"slices"

	"github.com/kubeorch/core/pkg/validator"
)

// newNetworkPolicy returns the kind that says who may talk to whom. Nothing
// unfinished in a drawing is ever left out if that would let more through
// than was drawn; it is a problem.
func newNetworkPolicy(r renderer) Kind {
	return templateKind{templated{TypePolicy, r}, validator.Label, policyValues}
}

func policyValues(n *Node, f fields) map[string]any {
	ingress, egress := f.objects("ingressRules"), f.objects("egressRules")
	checkHandles(n, f, append(slices.Clone(ingress), egress...))
	return map[string]any{
		"podSelector": protectedPods(n, f),
		"policyTypes": policyTypes(f, len(egress) > 0),
		"ingress":     policyRules(n, ingress, "from"),
		"egress":      policyRules(n, egress, "to"),
	}
}

// policyTypes returns the directions that the policy limits. Without a word
// on it they are what Kubernetes takes them to be.
func policyTypes(f fields, hasEgress bool) []string {
	types := f.texts("policyTypes", oneOf("Ingress", "Egress"))
	slices.Sort(types)
	types = slices.Compact(types)
	slices.Reverse(types) // Ingress comes first
	switch {
	case len(types) > 0:
		return types
	case hasEgress:
		return []string{"Ingress", "Egress"}
	}
	return []string{"Ingress"}
}

// protectedPods selects the pods of the workloads that edges lead to, else
// those of the stored labels. No label at all is every pod of the namespace.
func protectedPods(n *Node, f fields) map[string]any {
	labels := f.selector("podSelector")
	var targets []*Node
	for _, p := range distinct(n.Out(Workloads()...)) {
		if fromWholeNode(p.Handle) {
			f.inNamespaceOf("podSelector", n, p)
			targets = append(targets, p.Node)
		}
	}
	switch len(targets) {
	case 0:
		return matchLabels(labels)
	case 1:
		maps.Copy(labels, podsOf(targets[0]))
		return matchLabels(labels)
	}
	delete(labels, AppLabel)
	values := map[string][]string{}
	for _, w := range targets {
		if w.Workflow != "" {
			labels[WorkflowLabel] = w.Workflow
		}
		values[AppLabel] = append(values[AppLabel], w.Name)
		values[NodeIDLabel] = append(values[NodeIDLabel], NodeLabel(w.ID))
	}
	if !slices.ContainsFunc(targets, func(w *Node) bool { return w.Shared }) {
		delete(values, NodeIDLabel)
	}
	selector := matchLabels(labels)
	selector["matchExpressions"] = oneOfEach(values)
	return selector
}

// oneOfEach selects what has one of the values of each label.
func oneOfEach(values map[string][]string) (all []map[string]any) {
	for _, label := range slices.Sorted(maps.Keys(values)) {
		slices.Sort(values[label])
		all = append(all, map[string]any{"key": label, "operator": "In", "values": slices.Compact(values[label])})
	}
	return all
}

func matchLabels(labels map[string]string) map[string]any {
	if len(labels) == 0 {
		return map[string]any{}
	}
	return map[string]any{"matchLabels": labels}
}

// checkHandles reports edges that leave from a rule which is not there.
func checkHandles(n *Node, f fields, rules []fields) {
	for _, p := range n.Out(Workloads()...) {
		known := slices.ContainsFunc(rules, func(r fields) bool { return r.data["id"] == p.Handle })
		if !fromWholeNode(p.Handle) && !known {
			f.addf("ingressRules", "have no rule %q, from which an edge leads to %s %q", p.Handle, p.Node.Type, p.Node.Name)
		}
	}
}

// policyRules lays the rules of one direction out; side is "from" or "to".
func policyRules(n *Node, rules []fields, side string) []map[string]any {
	var laidOut []map[string]any
	for _, r := range rules {
		laidOut = append(laidOut, map[string]any{
			"peers": policyPeers(n, r, side),
			"ports": policyPorts(r),
		})
	}
	return laidOut
}
