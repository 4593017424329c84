package models

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// namespaceLabel is what every namespace has with its own name.
const namespaceLabel = "kubernetes.io/metadata.name"

const defaultNamespace = "default"

// Namespace returns where the objects of n go.
func (n Node) Namespace() string {
	return cmp.Or(strings.TrimSpace(n.Data.String("namespace")), defaultNamespace)
}

// Moved returns a copy of g with all nodes in one namespace. Policies that let in a
// namespace which nodes of g were in let in the new one; other namespaces that they
// name stay, since what is there does not move. Nodes of different namespaces that
// would make the same object are problems.
func (g Graph) Moved(namespace string) (Graph, Problems) {
	former := map[string]bool{}
	for _, n := range g.Nodes {
		former[n.Namespace()] = true
	}
	var p Problems
	made := map[[2]string]string{}
	out := Graph{Nodes: make([]Node, len(g.Nodes)), Edges: slices.Clone(g.Edges)}
	for i, n := range g.Nodes {
		key := [2]string{n.Type + n.Data.String("templateId"), n.Data.String("name")}
		if before, twice := made[key]; twice && key[1] != "" && before != n.Namespace() {
			p.Addf("namespace", "would hold two nodes of type %s with the name %s, which are in %s and %s now", n.Type, key[1], before, n.Namespace())
		}
		made[key] = n.Namespace()
		data := maps.Clone(n.Data)
		if n.Type == "networkpolicy" {
			for key, v := range data {
				data[key] = inNamespace(v, former, namespace)
			}
		}
		data["namespace"] = namespace
		n.Data = data
		out.Nodes[i] = n
	}
	return out, p
}

// inNamespace returns a copy of v, in which selectors of former namespaces select
// another one.
func inNamespace(v any, former map[string]bool, namespace string) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = inNamespace(e, former, namespace)
		}
		return list
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, e := range v {
			out[key] = inNamespace(e, former, namespace)
			if key == namespaceLabel && former[fmt.Sprint(e)] {
				out[key] = namespace
			}
		}
		return out
	}
	return v
}
