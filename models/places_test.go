package models

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProblemsAreToldByNameInTheOrderOfTheDrawing(t *testing.T) {
	t.Parallel()
	g := Graph{
		Nodes: []Node{
			{ID: "node-9", Type: "deployment", Data: Data{"name": " web "}},
			{ID: "node-1", Type: "service", Data: Data{"name": "web"}},
			{ID: "node-3", Type: "job", Data: Data{"name": "twice"}},
			{ID: "node-2", Type: "job", Data: Data{"name": "twice"}},
			{ID: "node-4", Type: "job"},
			{ID: "long", Type: "job", Data: Data{"name": strings.Repeat("ä", 100)}},
		},
		Edges: []Edge{{ID: "e2", Source: "node-1", Target: "node-9"}, {Source: "node-1", Target: "gone"}},
	}
	found := Problems{
		{Edge: "node-1 → gone", Message: "leads nowhere"},
		{Node: "node-4", Field: "name", Message: "is required"},
		{Node: "long", Field: "name", Message: "is long"},
		{Node: "node-2", Field: "b", Message: "is wrong"},
		{Node: "node-2", Field: "a", Message: "is wrong"},
		{Node: "node-3", Message: "is wrong"},
		{Edge: "e2", Message: "means nothing"},
		{Node: "node-9", Field: "port", Message: "is wrong"},
		{Node: "node-9", Field: "port", Message: "is wrong"},
		{Node: "node-1", Message: "is wrong"},
		{Field: "nodes", Message: "are many"},
	}
	var lines []string
	for _, p := range g.Places().Locate(found) {
		lines = append(lines, p.String())
	}
	require.Equal(t, []string{
		"field nodes: are many",
		`deployment "web" field port: is wrong`,
		`service "web" is wrong`,
		`job "twice" (node-3) is wrong`,
		`job "twice" (node-2) field a: is wrong`,
		`job "twice" (node-2) field b: is wrong`,
		`job node-4 field name: is required`,
		`job "` + strings.Repeat("ä", 63) + `…" field name: is long`,
		`edge from service "web" to deployment "web" means nothing`,
		`edge from service "web" to node "gone" leads nowhere`,
	}, lines)
	require.Empty(t, found[0].Label, "the list itself stays as it is")
}
