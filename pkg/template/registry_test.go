package template

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

const mapMeta = "id: core/map\nproduces:\n  - {apiVersion: v1, kind: ConfigMap}\n"

const mapText = `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{.name}}
  labels: {{.labels}}
data:
  {{.key}}: {{.value}}
  fixed: stays
`

// files is a templates directory by path.
func files(pairs ...string) fs.FS {
	dir := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		dir[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return dir
}

func mapRegistry(tb testing.TB, text string) *Registry {
	tb.Helper()
	r, err := Load(files("core/map/metadata.yaml", mapMeta, "core/map/template.yaml", text))
	require.NoError(tb, err)
	return r
}

func TestRenderTyped(t *testing.T) {
	t.Parallel()
	r := mapRegistry(t, mapText)
	objs, err := r.Render("core/map", map[string]any{"name": "x", "key": "k", "value": attack})
	require.NoError(t, err)
	require.Len(t, objs, 1)
	require.Equal(t, map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "x"},
		"data":     map[string]any{"k": attack, "fixed": "stays"},
	}, objs[0].Object)
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	ok := "apiVersion: v1\nkind: ConfigMap\n"
	for name, tc := range map[string]struct{ text, want string }{
		"unknown field":        {ok + "dta: {}", "unknown field"},
		"field in wrong case":  {ok + "Data: {}", "unknown field"},
		"duplicate field":      {ok + "data: {}\ndata: {}", "already set"},
		"duplicate key":        {ok + "data: {a: x, a: y}", "already set"},
		"wrong type":           {ok + "data: {a: 1}", "cannot unmarshal"},
		"another kind":         {"apiVersion: v1\nkind: Secret", "makes no ConfigMap"},
		"an extra document":    {ok + "---\napiVersion: v1\nkind: Secret", "more than it declares: Secret"},
		"the same twice":       {ok + "---\n" + ok, "more than it declares: ConfigMap"},
		"nothing":              {"# nothing\n---\n", "makes no ConfigMap"},
		"an unknown kind":      {"apiVersion: v1\nkind: Thing", "no kind"},
		"a list":               {"- a", "is no object"},
		"not YAML":             {"a: [", "yaml"},
		"a missing function":   {ok + "data: {{index .nil 0}}", "nil"},
		"text that is no UTF8": {ok + `data: {a: {{.bad}}}`, "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := mapRegistry(t, tc.text).Render("core/map", map[string]any{"bad": "\xff"})
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestRenderKnowsIDsOnly(t *testing.T) {
	t.Parallel()
	r := mapRegistry(t, mapText)
	for _, id := range []string{"", "map", "core", "core/../core/map", "core/map/", "/etc/passwd", "core/map/template.yaml"} {
		_, err := r.Render(id, nil)
		require.ErrorContains(t, err, "no template")
		_, ok := r.Produces(id)
		require.False(t, ok)
		_, ok = r.Metadata(id)
		require.False(t, ok)
	}
	require.Equal(t, []string{"core/map"}, r.IDs())
}

func TestOptionalDocumentsKeepTheDeclaredOrder(t *testing.T) {
	t.Parallel()
	meta := "id: core/two\nproduces:\n  - {apiVersion: v1, kind: ConfigMap}\n  - {apiVersion: v1, kind: Service, optional: true}\n"
	text := "{{if .service}}apiVersion: v1\nkind: Service\nspec: {ports: [{port: {{.service}}}]}\n{{end}}---\napiVersion: v1\nkind: ConfigMap\n"
	r, err := Load(files("core/two/metadata.yaml", meta, "core/two/template.yaml", text))
	require.NoError(t, err)
	objs, err := r.Render("core/two", nil)
	require.NoError(t, err)
	require.Len(t, objs, 1)
	objs, err = r.Render("core/two", map[string]any{"service": 80})
	require.NoError(t, err)
	require.Len(t, objs, 2)
	require.Equal(t, "ConfigMap", objs[0].GetKind())
	require.NotContains(t, objs[1].Object, "status")
	require.Equal(t, []Object{{"v1", "ConfigMap", false}, {"v1", "Service", true}}, must(r.Produces("core/two")))
}

func must[T any](v T, _ bool) T { return v }

func TestLoadReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := Load(files(
		"core/a/metadata.yaml", "id: core/b\nproduces: []\n", "core/a/template.yaml", "{{",
		"core/c/metadata.yaml", "id: core/c\nproduces: [{apiVersion: v9, kind: Pod}]", "core/c/template.yaml", "",
		"core/d/metadata.yaml", "[", "core/d/template.yaml", "",
		"core/e/other.txt", "",
	))
	for _, want := range []string{
		`template core/a: metadata.yaml: id is "core/b"`, "produces is empty", "core/a:1", "v9 Pod is no known kind",
		"template core/d: metadata.yaml", "template core/e: metadata.yaml is missing", "template.yaml is missing",
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	shipped := files("core/map/metadata.yaml", mapMeta, "core/map/template.yaml", mapText)
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("core/map/template.yaml", "apiVersion: v1\nkind: ConfigMap\ndata: {mine: {{.name}}}\n")
	write("core/new/template.yaml", "apiVersion: v1\nkind: Secret\n")
	write("core/new/metadata.yaml", "id: core/new\nproduces: [{apiVersion: v1, kind: Secret}]\n")
	r, err := Load(shipped, os.DirFS(dir))
	require.NoError(t, err)
	require.Equal(t, []string{"core/map", "core/new"}, r.IDs())
	objs, err := r.Render("core/map", map[string]any{"name": "x"})
	require.NoError(t, err)
	require.Equal(t, map[string]any{"mine": "x"}, objs[0].Object["data"])

	_, err = Load(shipped, os.DirFS(filepath.Join(dir, "nowhere")))
	require.ErrorContains(t, err, "templates directory")
	_, err = Load(shipped, os.DirFS(t.TempDir()))
	require.NoError(t, err, "an empty directory overrides nothing")
}

func TestLargeValues(t *testing.T) {
	t.Parallel()
	r := mapRegistry(t, mapText)
	for _, unit := range []string{"\x00", "😀"} {
		big := strings.Repeat(unit, 1<<20/len(unit))
		objs, err := r.Render("core/map", map[string]any{"name": "x", "key": "k", "value": big})
		require.NoError(t, err)
		require.Equal(t, map[string]any{"k": big, "fixed": "stays"}, objs[0].Object["data"])
	}
}

// FuzzRenderValue checks that the object holds exactly the given name, label and
// value and no other fields, or that rendering fails.
func FuzzRenderValue(f *testing.F) {
	r := mapRegistry(f, mapText)
	f.Add("k", "v")
	f.Add("fixed", attack)
	f.Add("<<", "{a: b}")
	f.Add("\xff", "\u2028")
	f.Fuzz(func(t *testing.T, key, value string) {
		objs, err := r.Render("core/map", map[string]any{
			"name": value, "key": key, "value": value, "labels": map[string]string{key: value},
		})
		if err != nil {
			return
		}
		labels := map[string]any{key: value}
		require.Equal(t, map[string]any{"name": value, "labels": labels}, withoutEmptyName(objs[0].Object["metadata"], value))
		require.Equal(t, map[string]any{key: value, "fixed": "stays"}, objs[0].Object["data"])
	})
}

// withoutEmptyName adds the name that the typed object omits when it is empty.
func withoutEmptyName(meta any, name string) any {
	if m, ok := meta.(map[string]any); ok && name == "" {
		m["name"] = ""
	}
	return meta
}

func BenchmarkRender(b *testing.B) {
	r := mapRegistry(b, mapText)
	values := map[string]any{"name": "x", "key": "k", "value": "v", "labels": map[string]string{"app": "x"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Render("core/map", values); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleParse() {
	t, _ := Parse("greeting", "name: {{.name}}\nreplicas: {{.replicas | default 1}}\n")
	out, _ := t.Execute(map[string]any{"name": "a: b"})
	fmt.Print(string(out))
	// Output:
	// name: "a\x3A\x20b"
	// replicas: 1
}
