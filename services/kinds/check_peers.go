package kinds

import "slices"

// distinct returns peers with each node once, in order.
func distinct(peers []Peer) []Peer {
	var out []Peer
	for _, p := range peers {
		if !slices.ContainsFunc(out, func(o Peer) bool { return o.Node == p.Node }) {
			out = append(out, p)
		}
	}
	return out
}

// inNamespaceOf reports, at key, a peer in another namespace than n's: Kubernetes lets
// these two find each other within one only.
func (f fields) inNamespaceOf(key string, n *Node, p Peer) {
	if p.Node.Namespace != n.Namespace {
		f.addf(key, "must be in namespace %q, but %s %q is in %q", n.Namespace, p.Node.Type, p.Node.Name, p.Node.Namespace)
	}
}

// fromWholeNode reports whether an edge leaves its node as a whole rather than one
// of its paths or rules.
func fromWholeNode(handle string) bool { return handle == "" || handle == "output" }
