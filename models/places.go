package models

import (
	"cmp"
	"fmt"
	"slices"
)

// Places tells where in a drawing something is, in words and in order.
type Places struct {
	labels map[string]string // node id → label
	nodes  map[string]int    // node id → position in the drawing
	edges  map[string]int    // edge id, or name → position
	byEdge map[string]string // the same → label
}

// Places returns the places of g.
func (g Graph) Places() Places {
	p := Places{labels: map[string]string{}, nodes: map[string]int{}, edges: map[string]int{}, byEdge: map[string]string{}}
	twice := map[string]int{}
	for i, n := range g.Nodes {
		if _, seen := p.nodes[n.ID]; !seen {
			p.nodes[n.ID], p.labels[n.ID] = i, n.label()
			twice[n.label()]++
		}
	}
	for id, label := range p.labels {
		if twice[label] > 1 {
			p.labels[id] = fmt.Sprintf("%s (%s)", label, brief(id))
		}
	}
	for i, e := range g.Edges {
		if _, seen := p.edges[e.Name()]; !seen {
			p.edges[e.Name()] = i
			p.byEdge[e.Name()] = fmt.Sprintf("edge from %s to %s", p.Label(e.Source), p.Label(e.Target))
		}
	}
	return p
}

// Label returns how people know the node with the given id: by its type and
// name, and by its id where that is not enough.
func (p Places) Label(nodeID string) string {
	if label, ok := p.labels[nodeID]; ok {
		return label
	}
	return fmt.Sprintf("node %q", brief(nodeID))
}

// Locate returns a copy of problems in the order of the drawing, each with
// its label and none of them twice: those of the whole drawing come first,
// then nodes, then edges.
func (p Places) Locate(problems Problems) Problems {
	out := slices.Clone(problems)
	for i, one := range out {
		switch {
		case one.Node != "":
			out[i].Label = p.Label(one.Node)
		case one.Edge != "":
			out[i].Label = p.byEdge[one.Edge]
		}
	}
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(p.rank(a), p.rank(b)), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(out)
}

func (p Places) rank(one Problem) int {
	switch {
	case one.Node != "":
		return 1 + p.nodes[one.Node]
	case one.Edge != "":
		return 1 + len(p.nodes) + p.edges[one.Edge]
	}
	return 0
}

// label returns the node's type and name, or its id where it has no name.
func (n Node) label() string {
	typ := n.Type
	if typ == "" {
		typ = "node"
	}
	if name := n.Data.String("name"); name != "" {
		return fmt.Sprintf("%s %q", brief(typ), brief(name))
	}
	return brief(typ) + " " + brief(n.ID)
}

// Name returns the edge's id, or its ends where it has none.
func (e Edge) Name() string { return cmp.Or(e.ID, e.Source+" → "+e.Target) }

// brief cuts a name that nobody has checked yet.
func brief(s string) string {
	const longest = 63
	if runes := []rune(s); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return s
}
