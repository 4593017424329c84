package models

import (
	"maps"
	"reflect"
	"strings"
)

// VersionDiff is what changed from one version to another. Lists are never
// nil.
type VersionDiff struct {
	FromVersion   int          `json:"from_version"`
	ToVersion     int          `json:"to_version"`
	AddedNodes    []NodeChange `json:"added_nodes"`
	RemovedNodes  []NodeChange `json:"removed_nodes"`
	ModifiedNodes []NodeChange `json:"modified_nodes"`
	AddedEdges    []EdgeChange `json:"added_edges"`
	RemovedEdges  []EdgeChange `json:"removed_edges"`
}

// NodeChange is one node that differs.
type NodeChange struct {
	NodeID  string `json:"node_id"`
	Type    string `json:"type"`
	OldData Data   `json:"old_data,omitempty"`
	NewData Data   `json:"new_data,omitempty"`
}

// EdgeChange is one edge that differs.
type EdgeChange struct {
	EdgeID       string `json:"edge_id"`
	Source       string `json:"source"`
	Target       string `json:"target"`
	SourceHandle string `json:"sourceHandle,omitempty"`
	TargetHandle string `json:"targetHandle,omitempty"`
}

// Diff returns what changed from a to b. Keys of node data that begin with an
// underscore are bookkeeping and do not count; neither do positions.
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
			d.AddedNodes = append(d.AddedNodes, NodeChange{NodeID: n.ID, Type: n.Type, NewData: drawnData(n)})
		case old.Type != n.Type || !reflect.DeepEqual(drawnData(old), drawnData(n)):
			d.ModifiedNodes = append(d.ModifiedNodes,
				NodeChange{NodeID: n.ID, Type: n.Type, OldData: drawnData(old), NewData: drawnData(n)})
		}
	}
	for _, n := range a.Nodes {
		if _, gone := before[n.ID]; gone {
			d.RemovedNodes = append(d.RemovedNodes, NodeChange{NodeID: n.ID, Type: n.Type, OldData: drawnData(n)})
		}
	}
	return d
}

func drawnData(n Node) Data {
	d := maps.Clone(n.Data)
	maps.DeleteFunc(d, func(k string, _ any) bool { return strings.HasPrefix(k, "_") })
	return d
}

// edgesMissing returns the edges of list that other does not hold.
func edgesMissing(list, other []Edge) []EdgeChange {
	there := make(map[Edge]bool, len(other))
	for _, e := range other {
		there[e] = true
	}
	out := []EdgeChange{}
	for _, e := range list {
		if !there[e] {
			out = append(out, EdgeChange{e.ID, e.Source, e.Target, e.SourceHandle, e.TargetHandle})
		}
	}
	return out
}
