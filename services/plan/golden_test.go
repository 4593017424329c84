package plan

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/kubeorch/core/models"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestSampleApplication(t *testing.T) {
	t.Parallel()
	var g models.Graph
	text, err := os.ReadFile("testdata/shop.in.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.UnmarshalStrict(text, &g))
	p, problems := Build(g, registry(t), Options{WorkflowID: "0123456789abcdef01234567"})
	require.Empty(t, problems, problems.String())

	got := show(t, p)
	const file = "testdata/shop.golden.yaml"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run the test with -update and review the file")
	require.Equal(t, string(want), got)
}

func TestDocumentedExamplesCanBePlanned(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/examples/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var g models.Graph
		require.NoError(t, json.Unmarshal(text, &g), file)
		_, problems := Build(g, registry(t), Options{WorkflowID: "w"})
		require.Empty(t, problems, "%s: %s", file, problems)
	}
}

// show writes a plan as its waves, followed by all objects.
func show(t *testing.T, p *Plan) string {
	t.Helper()
	var head, objects strings.Builder
	fmt.Fprintf(&head, "# namespaces %q\n", p.Namespaces())
	for i, wave := range p.Waves() {
		fmt.Fprintf(&head, "# wave %d\n", i)
		for _, s := range wave {
			fmt.Fprintf(&head, "#   %s %s %s/%s after %q\n", s.NodeID, s.Type, s.Namespace, s.Name, s.DependsOn)
			for _, o := range s.AllObjects() {
				doc, err := yaml.Marshal(o.Object)
				require.NoError(t, err)
				fmt.Fprintf(&objects, "---\n%s", doc)
			}
			if s.Values != nil {
				fmt.Fprintf(&objects, "# typed at run time: %q\n", s.Values.Keys)
			}
		}
	}
	return head.String() + objects.String()
}

func FuzzBuild(f *testing.F) {
	text, err := os.ReadFile("testdata/shop.in.yaml")
	require.NoError(f, err)
	shop, err := yaml.YAMLToJSON(text)
	require.NoError(f, err)
	f.Add(shop)
	f.Add([]byte(`{"nodes": [{"id": "a", "type": "statefulset", "data": {"name": "a", "image": "x", "volumeClaimTemplates": [{}]}}]}`))
	f.Add([]byte(`{"nodes": [{"id": "a", "type": "plugin"}], "edges": [{"source": "a", "target": "a"}]}`))
	f.Add([]byte(`{"nodes": [{"id": "a", "type": "deployment", "data": {"name": "a", "image": "x", "env": {"A": "\u0000\u2028---\n{{"}, "livenessProbe": {"path": [], "port": {}}}}]}`))
	reg := registry(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var g models.Graph
		if json.Unmarshal(raw, &g) != nil {
			return
		}
		before, err := json.Marshal(g)
		require.NoError(t, err)
		p, problems := Build(g, reg, Options{WorkflowID: "w"})
		require.Equal(t, p == nil, len(problems) > 0)
		after, err := json.Marshal(g)
		require.NoError(t, err)
		require.True(t, bytes.Equal(before, after), "the drawing was changed")
	})
}

func BenchmarkBuild(b *testing.B) {
	reg := registry(b)
	for _, size := range []int{100, 500} {
		b.Run(fmt.Sprintf("%d deployments with services", size), func(b *testing.B) {
			var drawing strings.Builder
			for i := range size / 2 {
				fmt.Fprintf(&drawing, "w%d:deployment s%d:service s%d>w%d ", i, i, i, i)
			}
			g := drawGraph(drawing.String())
			for b.Loop() {
				if _, problems := Build(g, reg, Options{WorkflowID: "w"}); len(problems) > 0 {
					b.Fatal(problems)
				}
			}
		})
	}
}
