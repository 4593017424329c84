package models

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDiffIsAboutMeaning(t *testing.T) {
	t.Parallel()
	web := func(pairs ...any) Node {
		d := Data{"name": "web"}
		for i := 0; i < len(pairs); i += 2 {
			d[pairs[i].(string)] = pairs[i+1]
		}
		return Node{ID: "web", Type: "deployment", Data: d}
	}
	e := Edge{ID: "e1", Source: "svc", Target: "web", SourceHandle: "output"}
	led := func(change func(*Edge)) Edge {
		c := e
		change(&c)
		return c
	}
	moved := web()
	moved.Position = Position{X: 5}
	for name, tc := range map[string]struct {
		a, b     Version
		modified int
		edges    int // added, and as many removed
	}{
		"nothing":         {},
		"moved":           {a: Version{Nodes: []Node{web()}}, b: Version{Nodes: []Node{moved}}},
		"only the server": {a: Version{Nodes: []Node{web(StatusKey, "x")}}, b: Version{Nodes: []Node{web(SecretCreatedKey, true)}}},
		"a value":         {a: Version{Nodes: []Node{web("replicas", int64(1))}}, b: Version{Nodes: []Node{web("replicas", int64(2))}}, modified: 1},
		"another spelling of a number": {
			a: Version{Nodes: []Node{web("ports", []any{map[string]any{"port": int64(80)}})}},
			b: Version{Nodes: []Node{web("ports", []any{map[string]any{"port": json.Number("80.0")}})}},
		},
		"a number and a text": {a: Version{Nodes: []Node{web("port", int64(80))}}, b: Version{Nodes: []Node{web("port", "80")}}, modified: 1},
		"one more of a list":  {a: Version{Nodes: []Node{web("list", []any{"a"})}}, b: Version{Nodes: []Node{web("list", []any{"a", "b"})}}, modified: 1},
		"led elsewhere":       {a: Version{Edges: []Edge{e}}, b: Version{Edges: []Edge{led(func(e *Edge) { e.Target = "db" })}}, edges: 1},
		"another handle":      {a: Version{Edges: []Edge{e}}, b: Version{Edges: []Edge{led(func(e *Edge) { e.TargetHandle = "left" })}}, edges: 1},
		"turned round":        {a: Version{Edges: []Edge{e}}, b: Version{Edges: []Edge{led(func(e *Edge) { e.Source, e.Target = "web", "svc" })}}, edges: 1},
		"drawn otherwise":     {a: Version{Edges: []Edge{e}}, b: Version{Edges: []Edge{led(func(e *Edge) { e.ID, e.Type = "e2", "step" })}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := Diff(tc.a, tc.b)
			require.Len(t, d.ModifiedNodes, tc.modified)
			require.Len(t, d.AddedEdges, tc.edges)
			require.Len(t, d.RemovedEdges, tc.edges)
			require.Empty(t, d.AddedNodes)
			require.Empty(t, d.RemovedNodes)
		})
	}
}
