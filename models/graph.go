package models

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// The largest drawing that is stored, and that is planned.
const (
	MaxNodes = 1000
	MaxEdges = 5000
	// MaxNodeValues counts the objects, lists and values in a node's data.
	MaxNodeValues = 20_000
)

// Tidy returns g as it is stored: text that people type into single lines
// trimmed, lists and data never nil, and without the keys that belong to the
// server. g itself is left alone.
func (g Graph) Tidy() Graph {
	out := Graph{Nodes: make([]Node, len(g.Nodes)), Edges: make([]Edge, len(g.Edges))}
	copy(out.Edges, g.Edges)
	for i, n := range g.Nodes {
		n.Data = maps.Clone(n.Data)
		if n.Data == nil {
			n.Data = Data{}
		}
		delete(n.Data, StatusKey)
		delete(n.Data, SecretCreatedKey)
		for _, key := range []string{"name", "namespace", "image"} {
			if s, ok := n.Data[key].(string); ok {
				n.Data[key] = strings.TrimSpace(s)
			}
		}
		out.Nodes[i] = n
	}
	return out
}

// CheckStorable returns the reasons why g cannot be stored. A graph that can be
// stored may be unable to run, since people save unfinished drawings.
func (g Graph) CheckStorable() Problems {
	var p Problems
	if len(g.Nodes) > MaxNodes {
		p.Addf("nodes", "holds %d nodes; at most %d are allowed", len(g.Nodes), MaxNodes)
	}
	if len(g.Edges) > MaxEdges {
		p.Addf("edges", "holds %d edges; at most %d are allowed", len(g.Edges), MaxEdges)
	}
	if p != nil { // the reasons within so many pieces would fill memory again
		return p
	}
	seen := make(map[string]bool, len(g.Nodes))
	for i, n := range g.Nodes {
		switch {
		case n.ID == "":
			p.Addf(fmt.Sprintf("nodes[%d].id", i), "is required")
		case seen[n.ID]:
			p = append(p, Problem{Node: n.ID, Field: "id", Message: "is used by two nodes"})
		}
		seen[n.ID] = true
		if held := countValues(map[string]any(n.Data)); held > MaxNodeValues {
			p = append(p, Problem{
				Node: n.ID, Field: "data", Message: fmt.Sprintf("holds %d values; at most %d are allowed", held, MaxNodeValues),
			})
		}
		if hasNUL(n.Data) {
			p = append(p, Problem{Node: n.ID, Field: "data", Message: "has a key with a NUL character"})
		}
	}
	return g.Places().Locate(p)
}

// countValues returns the number of values in v, v itself not counted.
func countValues(v any) (n int) {
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for _, e := range v {
			n += countValues(e)
		}
	case []any:
		n = len(v)
		for _, e := range v {
			n += countValues(e)
		}
	}
	return n
}

func hasNUL(v any) bool {
	switch v := v.(type) {
	case Data:
		return hasNUL(map[string]any(v))
	case map[string]any:
		for k, e := range v {
			if strings.ContainsRune(k, 0) || hasNUL(e) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, hasNUL)
	}
	return false
}

// DiffNodes returns the sorted ids of the nodes that differ between a and b. Keys
// that belong to the server are ignored.
func DiffNodes(a, b []Node) []string {
	byID := make(map[string]Node, len(b))
	for _, n := range (Graph{Nodes: b}).Tidy().Nodes {
		byID[n.ID] = n
	}
	var ids []string
	for _, n := range (Graph{Nodes: a}).Tidy().Nodes {
		other, ok := byID[n.ID]
		if !ok || !reflect.DeepEqual(n, other) {
			ids = append(ids, n.ID)
		}
		delete(byID, n.ID)
	}
	ids = append(ids, slices.Collect(maps.Keys(byID))...)
	slices.Sort(ids)
	return ids
}
