package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/kinds"
)

// drawing is a graph with its edges turned into references between nodes.
type drawing struct {
	places models.Places
	nodes  map[string]*kinds.Node
	ids    []string // of nodes, in alphabetical order
	drawn  [][2]string
	after  map[string][]string // node id → nodes that must be made before it
	gates  map[string][]string // the part of after whose failure skips it
}

// resolve reads g as far as it makes sense and reports the rest.
func resolve(g models.Graph, reg *kinds.Registry, opt Options) (*drawing, models.Problems) {
	d := &drawing{
		places: g.Places(),
		nodes:  make(map[string]*kinds.Node, len(g.Nodes)),
		after:  make(map[string][]string),
		gates:  make(map[string][]string),
	}
	problems := d.addNodes(g.Nodes, reg, opt)
	problems = append(problems, d.addEdges(g.Edges)...)
	d.implyReferences()
	for _, lists := range []map[string][]string{d.after, d.gates} {
		for id, l := range lists {
			slices.Sort(l)
			lists[id] = slices.Compact(l)
		}
	}
	return d, problems
}

func (d *drawing) addNodes(nodes []models.Node, reg *kinds.Registry, opt Options) (p models.Problems) {
	known := reg.Types()
	for i, n := range nodes {
		if n.ID == "" {
			p.Addf(fmt.Sprintf("nodes[%d].id", i), "is required")
			continue
		}
		if _, dup := d.nodes[n.ID]; dup {
			p = append(p, models.Problem{Node: n.ID, Field: "id", Message: "is used by more than one node"})
			continue
		}
		if _, ok := reg.Lookup(n.Type); !ok {
			p = append(p, models.Problem{Node: n.ID, Field: "type",
				Message: fmt.Sprintf("%q is no known node type; known are %s", n.Type, strings.Join(known, ", "))})
		}
		d.nodes[n.ID] = newNode(n)
		d.nodes[n.ID].Workflow = NodeLabel(opt.WorkflowID)
	}
	d.ids = slices.Sorted(maps.Keys(d.nodes))
	d.markShared()
	return p
}

// markShared tells workloads of one name, whose pods carry the same app label,
// that they are several.
func (d *drawing) markShared() {
	first := map[[2]string]*kinds.Node{}
	for _, id := range d.ids {
		n := d.nodes[id]
		if !slices.Contains(kinds.Workloads(), n.Type) {
			continue
		}
		name := [2]string{n.Namespace, n.Name}
		if other := first[name]; other != nil {
			n.Shared, other.Shared = true, true
		} else {
			first[name] = n
		}
	}
}

func newNode(n models.Node) *kinds.Node {
	data := maps.Clone(n.Data)
	if data == nil {
		data = models.Data{}
	}
	delete(data, models.StatusKey)
	delete(data, models.SecretCreatedKey)
	return &kinds.Node{
		ID:        n.ID,
		Type:      n.Type,
		Name:      data.String("name"),
		Namespace: kinds.NamespaceOf(data),
		Data:      data,
	}
}

// addEdges adds the edges in an order of their own, so that a plan does not
// depend on the order in which a client lists them.
func (d *drawing) addEdges(edges []models.Edge) (p models.Problems) {
	p = edgeIDs(edges)
	edges = slices.Clone(edges)
	slices.SortStableFunc(edges, func(a, b models.Edge) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Target, b.Target),
			cmp.Compare(a.SourceHandle, b.SourceHandle), cmp.Compare(a.ID, b.ID))
	})
	for i, e := range edges {
		if i > 0 && sameEnds(e, edges[i-1]) {
			continue
		}
		if msg := d.addEdge(e); msg != "" {
			p = append(p, models.Problem{Edge: e.Name(), Message: msg})
		}
	}
	return p
}

// addEdge joins the ends of e, or says why it cannot.
func (d *drawing) addEdge(e models.Edge) string {
	source, target := d.nodes[e.Source], d.nodes[e.Target]
	switch {
	case source == nil && target == nil:
		return fmt.Sprintf("joins %q and %q, and neither node exists", e.Source, e.Target)
	case source == nil:
		return fmt.Sprintf("starts at %q, and no such node exists", e.Source)
	case target == nil:
		return fmt.Sprintf("leads to %q, and no such node exists", e.Target)
	case source == target:
		return "joins a node to itself"
	}
	link, ok := kinds.LinkOf(source.Type, target.Type)
	if !ok {
		return fmt.Sprintf("means nothing: a %s and a %s cannot be joined", source.Type, target.Type)
	}
	d.drawn = append(d.drawn, [2]string{e.Source, e.Target})
	if link.Turned {
		source, target = target, source
	}
	d.join(source, target, e)
	first, later := source.ID, target.ID
	if link.SourceWaits {
		first, later = later, first
	}
	d.wait(later, first, link.Gates)
	return ""
}

func (d *drawing) join(source, target *kinds.Node, e models.Edge) {
	source.Peers = append(source.Peers, kinds.Peer{Node: target, Handle: e.SourceHandle, Edge: e.ID, Out: true})
	target.Peers = append(target.Peers, kinds.Peer{Node: source, Handle: e.SourceHandle, Edge: e.ID})
}

func (d *drawing) wait(later, first string, gates bool) {
	d.after[later] = append(d.after[later], first)
	if gates {
		d.gates[later] = append(d.gates[later], first)
	}
}

// edgeIDs reports ids that stand for different edges. The same edge listed
// twice is accepted, and an edge may have no id.
func edgeIDs(edges []models.Edge) (p models.Problems) {
	seen := make(map[string]models.Edge, len(edges))
	for _, e := range edges {
		first, dup := seen[e.ID]
		if e.ID != "" && dup && !sameEnds(first, e) {
			p = append(p, models.Problem{Edge: e.ID, Field: "id", Message: "is used by more than one edge"})
		}
		seen[e.ID] = e
	}
	return p
}

func sameEnds(a, b models.Edge) bool {
	return a.Source == b.Source && a.Target == b.Target && a.SourceHandle == b.SourceHandle
}
