package kinds

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
	"github.com/kubeorch/core/pkg/template"
	"github.com/kubeorch/core/templates"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// A fixture is testdata/<kind>/<scenario>.in.yaml: a small drawing, of which
// the node of that kind is looked at (the first by id, or the one that "node"
// names). Nodes are their data plus a type; edges read "from > to", or
// "from:handle > to".
//
// A scenario that begins with "bad-" must be refused, and
// <scenario>.problems.txt holds its faults. Every other one must render to
// <scenario>.golden.yaml.
type fixture struct {
	Kind     string `json:"-"`
	Scenario string `json:"-"`

	Node  string                 `json:"node"`
	Nodes map[string]models.Data `json:"nodes"`
	Edges []string               `json:"edges"`
}

// fixtures reads all drawings below testdata.
func fixtures(tb testing.TB) []fixture {
	tb.Helper()
	files, err := filepath.Glob("testdata/*/*.in.yaml")
	require.NoError(tb, err)
	require.NotEmpty(tb, files)
	var all []fixture
	for _, file := range files {
		all = append(all, readFixture(tb, file))
	}
	return all
}

func readFixture(tb testing.TB, file string) fixture {
	tb.Helper()
	text, err := os.ReadFile(file)
	require.NoError(tb, err)
	fx := fixture{
		Kind:     filepath.Base(filepath.Dir(file)),
		Scenario: strings.TrimSuffix(filepath.Base(file), ".in.yaml"),
	}
	raw, err := yaml.YAMLToJSONStrict(text)
	require.NoError(tb, err, file)
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	require.NoError(tb, dec.Decode(&fx), file)
	return fx
}

// subject draws fx and returns the node that it is about.
func (fx fixture) subject(tb testing.TB) *Node {
	tb.Helper()
	nodes := map[string]*Node{}
	subject := fx.Node
	for id, data := range fx.Nodes {
		n := &Node{ID: id, Type: data.String("type"), Name: data.String("name"), Namespace: data.String("namespace"), Data: data}
		delete(data, "type")
		if n.Namespace == "" {
			n.Namespace = "default"
		}
		nodes[id] = n
		if fx.Node == "" && n.Type == fx.Kind && (subject == "" || id < subject) {
			subject = id
		}
	}
	for i, e := range fx.Edges {
		from, to, ok := strings.Cut(e, " > ")
		from, handle, _ := strings.Cut(from, ":")
		require.True(tb, ok && nodes[from] != nil && nodes[to] != nil, "edge %q", e)
		id := fmt.Sprintf("edge-%d", i+1)
		nodes[from].Peers = append(nodes[from].Peers, Peer{Node: nodes[to], Handle: handle, Edge: id, Out: true})
		nodes[to].Peers = append(nodes[to].Peers, Peer{Node: nodes[from], Handle: handle, Edge: id})
	}
	require.NotNil(tb, nodes[subject], "no node of type %s", fx.Kind)
	return nodes[subject]
}

func shippedTemplates(tb testing.TB) *template.Registry {
	tb.Helper()
	reg, err := template.Load(templates.FS)
	require.NoError(tb, err)
	return reg
}

func allKinds(tb testing.TB) *Registry {
	tb.Helper()
	reg, err := NewRegistry(builtin(tb, shippedTemplates(tb))...)
	require.NoError(tb, err)
	return reg
}

func TestFixtures(t *testing.T) {
	t.Parallel()
	kinds := allKinds(t)
	good, bad := map[string]bool{}, map[string]bool{}
	for _, fx := range fixtures(t) {
		kind, ok := kinds.Lookup(fx.Kind)
		require.True(t, ok, "testdata/%s is no kind", fx.Kind)
		if strings.HasPrefix(fx.Scenario, "bad-") {
			bad[fx.Kind] = true
		} else {
			good[fx.Kind] = true
		}
		t.Run(fx.Kind+"/"+fx.Scenario, func(t *testing.T) {
			t.Parallel()
			checkFixture(t, kind, fx)
		})
	}
	for _, typ := range kinds.Types() {
		require.True(t, good[typ], "kind %s has no fixture that renders", typ)
		require.True(t, bad[typ], "kind %s has no fixture that is refused", typ)
	}
}

func checkFixture(t *testing.T, kind Kind, fx fixture) {
	t.Helper()
	n := fx.subject(t)
	problems := kind.Check(n)
	path := filepath.Join("testdata", fx.Kind, fx.Scenario)
	if strings.HasPrefix(fx.Scenario, "bad-") {
		require.NotEmpty(t, problems, "nothing is wrong")
		var lines strings.Builder
		for _, p := range problems {
			fmt.Fprintf(&lines, "%s: %s\n", p.Field, p.Message)
		}
		golden(t, path+".problems.txt", lines.String())
		return
	}
	require.Empty(t, problems, problems.String())
	golden(t, path+".golden.yaml", rendered(t, kind, n))
}

// rendered returns the objects of n as YAML, with a comment on its values.
func rendered(t *testing.T, kind Kind, n *Node) string {
	t.Helper()
	objs, err := kind.Render(n)
	require.NoError(t, err)
	var docs []string
	for _, o := range objs {
		doc, err := yaml.Marshal(o.Object)
		require.NoError(t, err)
		docs = append(docs, string(doc))
	}
	text := strings.Join(docs, "---\n")
	if v, ok := kind.(Valued); ok {
		if vs := v.Values(n); vs != nil {
			text += fmt.Sprintf("# typed at run time: secret %q keys %q env %v\n", vs.Object.GetName(), vs.Keys, vs.Env)
		}
	}
	return text
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run the test with -update and review the file")
	require.Equal(t, string(want), got)
}
