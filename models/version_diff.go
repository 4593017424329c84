package models

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// VersionDiff is the difference between two versions. Lists are never nil.
type VersionDiff struct {
	FromVersion   int          `json:"from_version"`
	ToVersion     int          `json:"to_version"`
	AddedNodes    []NodeChange `json:"added_nodes"`
	RemovedNodes  []NodeChange `json:"removed_nodes"`
	ModifiedNodes []NodeChange `json:"modified_nodes"`
	AddedEdges    []EdgeChange `json:"added_edges"`
	RemovedEdges  []EdgeChange `json:"removed_edges"`
}

// NodeChange is one node that was added, removed or modified.
type NodeChange struct {
	NodeID  string `json:"node_id"`
	Type    string `json:"type"`
	OldData Data   `json:"old_data,omitempty"`
	NewData Data   `json:"new_data,omitempty"`
}

// EdgeChange is one edge that was added or removed.
type EdgeChange struct {
	EdgeID       string `json:"edge_id"`
	Source       string `json:"source"`
	Target       string `json:"target"`
	SourceHandle string `json:"sourceHandle,omitempty"`
	TargetHandle string `json:"targetHandle,omitempty"`
}

// Diff returns the difference from a to b. It ignores positions, keys of node data that
// begin with an underscore, which people do not edit, and how edges are drawn. An edge
// that was led elsewhere is removed and added.
func Diff(a, b Version) VersionDiff {
	d := VersionDiff{
		FromVersion: a.Number, ToVersion: b.Number,
		AddedNodes: []NodeChange{}, RemovedNodes: []NodeChange{}, ModifiedNodes: []NodeChange{},
		AddedEdges: edgesMissing(b.Edges, a.Edges), RemovedEdges: edgesMissing(a.Edges, b.Edges),
	}
	before := make(map[string]Node, len(a.Nodes))
	for _, n := range a.Nodes {
		before[n.ID] = n
	}
	for _, n := range b.Nodes {
		old, ok := before[n.ID]
		delete(before, n.ID)
		switch {
		case !ok:
			d.AddedNodes = append(d.AddedNodes, NodeChange{NodeID: n.ID, Type: n.Type, NewData: editableData(n)})
		case old.Type != n.Type || !sameValue(map[string]any(editableData(old)), map[string]any(editableData(n))):
			d.ModifiedNodes = append(d.ModifiedNodes,
				NodeChange{NodeID: n.ID, Type: n.Type, OldData: editableData(old), NewData: editableData(n)})
		}
	}
	for _, n := range a.Nodes {
		if _, gone := before[n.ID]; gone {
			d.RemovedNodes = append(d.RemovedNodes, NodeChange{NodeID: n.ID, Type: n.Type, OldData: editableData(n)})
		}
	}
	return d
}

func editableData(n Node) Data {
	d := maps.Clone(n.Data)
	maps.DeleteFunc(d, func(k string, _ any) bool { return strings.HasPrefix(k, "_") })
	return d
}

// sameValue reports whether values of node data mean the same. A number may be spelled
// in several ways.
func sameValue(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, sameValue)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameValue)
	case string, bool, nil:
		return a == b
	}
	if reflect.DeepEqual(a, b) {
		return true
	}
	x, xok := Int(a)
	y, yok := Int(b)
	_, text := b.(string)
	return xok && yok && !text && x == y
}

// ends are what an edge joins. How it is drawn, and its id, say nothing.
type ends struct{ source, target, sourceHandle, targetHandle string }

func (e Edge) ends() ends { return ends{e.Source, e.Target, e.SourceHandle, e.TargetHandle} }

// edgesMissing returns the edges of list that join what no edge of other does.
func edgesMissing(list, other []Edge) []EdgeChange {
	present := make(map[ends]bool, len(other))
	for _, e := range other {
		present[e.ends()] = true
	}
	out := []EdgeChange{}
	for _, e := range list {
		if !present[e.ends()] {
			out = append(out, EdgeChange{e.ID, e.Source, e.Target, e.SourceHandle, e.TargetHandle})
		}
	}
	return out
}

// DiffEdges returns the sorted names of the edges that only one of a and b has.
func DiffEdges(a, b []Edge) []string {
	var names []string
	for _, c := range append(edgesMissing(a, b), edgesMissing(b, a)...) {
		names = append(names, Edge{ID: c.EdgeID, Source: c.Source, Target: c.Target}.Name())
	}
	slices.Sort(names)
	return slices.Compact(names)
}
