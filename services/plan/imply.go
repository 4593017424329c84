package plan

import (
	"strings"

	"github.com/kubeorch/core/services/kinds"
)

// place is where a name is looked up.
type place struct{ typ, namespace, name string }

// implyReferences adds the references that a drawing makes by stored names and node ids
// where it has no edge for them. Edges win: a stored name may be stale.
func (d *drawing) implyReferences() {
	byPlace := make(map[place]*kinds.Node, len(d.nodes))
	for _, id := range d.ids {
		n := d.nodes[id]
		byPlace[place{n.Type, n.Namespace, n.Name}] = n
	}
	for _, id := range d.ids {
		switch n := d.nodes[id]; n.Type {
		case kinds.TypeHPA:
			d.implyTarget(n, byPlace)
		case kinds.TypeStatefulSet:
			implyGoverning(n, byPlace)
		}
		d.implyMounts(d.nodes[id])
	}
}

// implyTarget tells a workload of the autoscaler that names it, because its
// replicas are then the autoscaler's.
func (d *drawing) implyTarget(hpa *kinds.Node, byPlace map[place]*kinds.Node) {
	if len(hpa.Out(kinds.TypeDeployment, kinds.TypeStatefulSet)) > 0 {
		return
	}
	typ := strings.ToLower(hpa.Data.String("scaleTargetKind"))
	if typ == "" {
		typ = kinds.TypeDeployment
	}
	target := byPlace[place{typ, hpa.Namespace, hpa.Data.String("scaleTargetName")}]
	if target == nil || (typ != kinds.TypeDeployment && typ != kinds.TypeStatefulSet) {
		return
	}
	target.Peers = append(target.Peers, kinds.Peer{Node: hpa})
	d.wait(hpa.ID, target.ID, true)
}

// implyGoverning tells a statefulset that the Service it names is drawn. The
// Service gets no peer from that, since it may select other pods.
func implyGoverning(n *kinds.Node, byPlace map[place]*kinds.Node) {
	svc := byPlace[place{kinds.TypeService, n.Namespace, kinds.GoverningService(n)}]
	if svc == nil {
		return
	}
	for _, p := range n.In(kinds.TypeService) {
		if p.Node == svc {
			return
		}
	}
	n.Peers = append(n.Peers, kinds.Peer{Node: svc})
}

// implyMounts follows the node ids in volumeMounts, so that a mount finds a
// renamed node without an edge too.
func (d *drawing) implyMounts(n *kinds.Node) {
	for _, m := range n.Data.Objects("volumeMounts") {
		source := d.nodes[m.String("nodeId")]
		if source == nil || source.Type != strings.ToLower(m.String("type")) || peerOf(n, source) {
			continue
		}
		if link, ok := kinds.LinkOf(source.Type, n.Type); !ok || link.Turned || link.SourceWaits {
			continue
		}
		n.Peers = append(n.Peers, kinds.Peer{Node: source})
		d.wait(n.ID, source.ID, true)
	}
}

func peerOf(n, other *kinds.Node) bool {
	for _, p := range n.Peers {
		if p.Node == other {
			return true
		}
	}
	return false
}
