package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/services/kinds"
)

// TestOwnerLabelsCannotBeDrawn: whatever labels and annotations a user gives,
// no object and nothing made from one carries an owner that was drawn.
func TestOwnerLabelsCannotBeDrawn(t *testing.T) {
	t.Parallel()
	const forged = "forged"
	marks := func() map[string]any {
		return map[string]any{"mine": "kept", WorkflowLabel: forged, NodeIDLabel: forged, NodeIDAnnotation: forged, kinds.ConfigAnnotation: forged}
	}
	text := "svc:service db-headless:service"
	for _, typ := range append(kinds.Workloads(), kinds.TypeIngress, kinds.TypeConfigMap, kinds.TypeSecret, kinds.TypeClaim,
		kinds.TypeHPA, kinds.TypePolicy, kinds.TypePlugin) {
		text += fmt.Sprintf(" n-%s:%s", typ, typ)
	}
	g := drawGraph(text)
	for i := range g.Nodes {
		d := g.Nodes[i].Data
		d["labels"], d["annotations"], d["podAnnotations"] = marks(), marks(), marks()
		d["envKeys"] = []any{map[string]any{"name": "TOKEN"}}
		d["volumeClaimTemplates"] = []any{map[string]any{"name": "data", "storage": "1Gi", "labels": marks(), "annotations": marks()}}
		d["defaultBackend"] = map[string]any{"serviceName": "svc", "servicePort": int64(80)}
		d["words"] = map[string]any{"podTemplate": []any{map[string]any{"labels": marks()}}, "inheritedLabels": marks(),
			"selector": map[string]any{"matchLabels": map[string]any{NodeIDLabel: "asked"}}}
	}
	p, problems := Build(g, registry(t), Options{WorkflowID: "w"})
	require.Empty(t, problems, problems.String())
	kept := 0
	for _, s := range p.Steps {
		for _, o := range s.AllObjects() {
			for path, value := range scalars(o.Object, o.GetKind()) {
				require.NotEqual(t, forged, value, path)
				if value == "kept" {
					kept++
				}
			}
		}
		if s.Type == kinds.TypePlugin {
			require.Contains(t, fmt.Sprint(s.Objects[0].Object["spec"]), "asked", "a selector may name what carries our labels")
		}
	}
	require.Greater(t, kept, 20, "a user's own labels stay")
}

func scalars(v any, path string) map[string]any {
	found := map[string]any{}
	var visit func(v any, path []string)
	visit = func(v any, path []string) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				visit(e, append(path[:len(path):len(path)], k))
			}
		case []any:
			for i, e := range v {
				visit(e, append(path[:len(path):len(path)], fmt.Sprint(i)))
			}
		default:
			found[strings.Join(path, " ")] = v
		}
	}
	visit(v, []string{path})
	return found
}
