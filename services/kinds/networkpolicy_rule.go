package kinds

import (
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/validator"
)

// namespaceLabel is on every namespace, with its name.
const namespaceLabel = "kubernetes.io/metadata.name"

// policyPeers returns the stored peers of a rule and the workloads that edges
// lead to from it. No peer at all is anyone.
func policyPeers(n *Node, rule fields, side string) []map[string]any {
	joined := joinedWorkloads(n, rule)
	var peers []map[string]any
	for _, f := range rule.objects(side) {
		p := policyPeer(f)
		if !standsFor(f, joined) {
			peers = append(peers, p)
		}
	}
	for _, w := range joined {
		peer := map[string]any{"podSelector": matchLabels(podsOf(w))}
		if w.Namespace != n.Namespace {
			peer["namespaceSelector"] = matchLabels(map[string]string{namespaceLabel: w.Namespace})
		}
		peers = append(peers, peer)
	}
	return peers
}

// joinedWorkloads returns the workloads that edges of the rule lead to.
func joinedWorkloads(n *Node, rule fields) []*Node {
	id := rule.data.String("id")
	if id == "" {
		return nil
	}
	var found []*Node
	for _, p := range n.Out(Workloads()...) {
		if p.Handle == id {
			found = append(found, p.Node)
		}
	}
	return found
}

// standsFor reports whether the stored peer f is what the canvas wrote down
// for an edge. The edge itself knows the workload's present name.
func standsFor(f fields, joined []*Node) bool {
	if f.data.String("type") != "podSelector" {
		return false
	}
	id := f.data.String("_linkedWorkload")
	labels := f.data.Map("podSelector")
	for _, w := range joined {
		if id == w.ID || len(labels) == 1 && labels["app"] == w.Name {
			return true
		}
	}
	return false
}

// policyPeer reads one peer. Only the field that its type names counts, and
// that must be there: an empty peer would be anyone.
func policyPeer(f fields) map[string]any {
	typ, _ := f.choice("type", "podSelector", "namespaceSelector", "ipBlock").(string)
	switch typ {
	case "":
		if f.absent("type") {
			f.addf("type", "is required")
		}
		return nil
	case "ipBlock":
		return map[string]any{"ipBlock": ipBlock(f)}
	}
	if !f.data.Has(typ) {
		f.addf(typ, "is required for a peer of this type; an empty object means all")
	}
	return map[string]any{typ: matchLabels(f.selector(typ))}
}

func ipBlock(f fields) map[string]any {
	block, ok := f.object("ipBlock")
	if !ok {
		if !f.data.Has("ipBlock") {
			f.addf("ipBlock", "is required for a peer of this type")
		}
		return nil
	}
	cidr := block.required("cidr", validator.CIDR)
	inside := func(s string) string {
		if msg := validator.CIDR(s); msg != "" || validator.CIDR(cidr) != "" {
			return msg
		}
		return validator.Within(s, cidr)
	}
	return map[string]any{"cidr": cidr, "except": block.texts("except", inside)}
}

// policyPorts returns the ports of a rule. Unfinished ones are left out, but
// not all of them: no port at all is every port.
func policyPorts(rule fields) []map[string]any {
	var ports []map[string]any
	entries := rule.objects("ports")
	for _, f := range entries {
		port := map[string]any{"protocol": f.choice("protocol", "TCP", "UDP", "SCTP"), "port": f.portRef("port")}
		if port["protocol"] == nil {
			port["protocol"] = "TCP"
		}
		if last := f.port("endPort"); last != nil {
			lowest, isNumber := models.Int(port["port"])
			if highest, _ := models.Int(last); !isNumber || highest < lowest {
				f.addf("endPort", "must follow a port number that is not larger")
			}
			port["endPort"] = last
		}
		if !f.absent("port") {
			ports = append(ports, port)
		}
	}
	if len(entries) > 0 && len(ports) == 0 {
		rule.addf("ports", "are all unfinished: give one a number or a name, or remove them")
	}
	return ports
}
