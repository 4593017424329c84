package models

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPiecesOfAGraphAreBounded(t *testing.T) {
	t.Parallel()
	many := func(n int) []any { return make([]any, n) }
	node := func(data Data) []Node { return []Node{{ID: "a", Data: data}} }
	for name, tc := range map[string]struct {
		graph Graph
		want  []string // each problem
	}{
		"within all bounds":      {Graph{Nodes: node(Data{"env": many(MaxNodeValues - 1)})}, nil},
		"env entries":            {Graph{Nodes: node(Data{"env": many(MaxNodeValues)})}, []string{"holds 20001 values"}},
		"entries of many lists":  {Graph{Nodes: node(Data{"a": many(11_000), "b": map[string]any{"c": many(11_000)}})}, []string{"holds 22003 values"}},
		"nodes, all without ids": {Graph{Nodes: make([]Node, MaxNodes+1)}, []string{"holds 1001 nodes"}},
		"nodes and edges":        {Graph{Nodes: make([]Node, 200_000), Edges: make([]Edge, MaxEdges+1)}, []string{"200000 nodes", "5001 edges"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := tc.graph.CheckStorable()
			require.Len(t, got, len(tc.want))
			for i, want := range tc.want {
				require.Contains(t, got[i].Message, want)
			}
		})
	}
}
