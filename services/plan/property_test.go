package plan

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/kinds"
)

// anyGraph draws nodes of all types and edges between any of them, so most
// drawings have faults.
func anyGraph(t *rapid.T) models.Graph {
	types := append(kinds.Workloads(), kinds.TypeService, kinds.TypeIngress, kinds.TypeConfigMap, kinds.TypeSecret,
		kinds.TypeClaim, kinds.TypeHPA, kinds.TypePolicy, kinds.TypePlugin)
	var g models.Graph
	count := rapid.IntRange(1, 8).Draw(t, "nodes")
	for i := range count {
		typ := rapid.SampledFrom(types).Draw(t, "type")
		g.Nodes = append(g.Nodes, models.Node{ID: fmt.Sprintf("n%d", i), Type: typ, Data: dataOf(fmt.Sprintf("name-%d", i), typ)})
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "edges") {
		end := rapid.IntRange(0, count-1)
		g.Edges = append(g.Edges, models.Edge{
			ID:     fmt.Sprintf("e%d", i),
			Source: fmt.Sprintf("n%d", end.Draw(t, "source")),
			Target: fmt.Sprintf("n%d", end.Draw(t, "target")),
		})
	}
	return g
}

// soundGraph is anyGraph without the edges that it is refused for.
func soundGraph(t *rapid.T) models.Graph {
	g := anyGraph(t)
	typeOf := map[string]string{}
	for _, n := range g.Nodes {
		typeOf[n.ID] = n.Type
	}
	taken := map[string]bool{} // one provider each: two are refused
	g.Edges = slices.DeleteFunc(g.Edges, func(e models.Edge) bool {
		link, ok := kinds.LinkOf(typeOf[e.Source], typeOf[e.Target])
		from := e.Source
		if link.Turned {
			from = e.Target
		}
		drop := !ok || e.Source >= e.Target || link.SourceWaits && taken[from]
		taken[from] = true
		return drop
	})
	return g
}

func TestOrderRespectsEdges(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	planned := 0
	rapid.Check(t, func(t *rapid.T) {
		g := soundGraph(t)
		p, problems := Build(g, reg, Options{})
		if len(problems) > 0 {
			t.Skip(problems.String())
		}
		planned++
		wave := map[string]int{}
		typeOf := map[string]string{}
		for _, s := range p.Steps {
			wave[s.NodeID], typeOf[s.NodeID] = s.Wave, s.Type
		}
		require.Len(t, wave, len(g.Nodes))
		for _, e := range g.Edges {
			link, _ := kinds.LinkOf(typeOf[e.Source], typeOf[e.Target])
			first, later := e.Source, e.Target
			if link.Turned != link.SourceWaits {
				first, later = later, first
			}
			require.Less(t, wave[first], wave[later], "edge %s", e.ID)
		}
		for _, s := range p.Steps {
			for _, first := range s.DependsOn {
				require.Less(t, wave[first], s.Wave)
			}
		}
	})
	require.Positive(t, planned, "every drawing was refused")
}

func TestThePlanDoesNotDependOnListOrder(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	rapid.Check(t, func(t *rapid.T) {
		g := rapid.OneOf(rapid.Custom(anyGraph), rapid.Custom(soundGraph)).Draw(t, "graph")
		shuffled := models.Graph{
			Nodes: rapid.Permutation(g.Nodes).Draw(t, "order of nodes"),
			Edges: rapid.Permutation(g.Edges).Draw(t, "order of edges"),
		}
		p1, problems1 := Build(g, reg, Options{WorkflowID: "w"})
		p2, problems2 := Build(shuffled, reg, Options{WorkflowID: "w"})
		require.ElementsMatch(t, problems1, problems2, "only their order is the drawing's")
		require.Equal(t, p1, p2)
	})
}
