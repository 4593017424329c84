package diagnostics

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

const drawnService = `apiVersion: v1
kind: Service
metadata:
  name: svc
  namespace: default
spec:
  ports:
  - name: http
    port: 80
    protocol: TCP
    targetPort: 8080
  selector:
    app: web
  type: ClusterIP
`

// billionLaughs doubles what it stands for with each line.
func billionLaughs() string {
	text := "a0: &a0 [lol]\n"
	for i := range 40 {
		text += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	return text
}

func TestForeignYAMLIsRefused(t *testing.T) {
	t.Parallel()
	template, err := parseYAML(drawnService)
	require.NoError(t, err)
	replace := func(old, with string) string { return strings.Replace(drawnService, old, with, 1) }
	for name, tc := range map[string]struct{ text, want string }{
		"another kind":      {replace("kind: Service", "kind: Secret"), "kind must stay"},
		"another name":      {replace("name: svc", "name: other"), "metadata.name must stay"},
		"another namespace": {replace("namespace: default", "namespace: kube-system"), "metadata.namespace must stay"},
		"a finalizer":       {replace("  namespace", "  finalizers: [a]\n  namespace"), "metadata.finalizers must stay"},
		"an external IP":    {replace("  type", "  externalIPs: [8.8.8.8]\n  type"), "spec.externalIPs must stay"},
		"another type":      {replace("ClusterIP", "LoadBalancer"), "spec.type must stay"},
		"the selector":      {replace("app: web", "app: db"), "spec.selector.app must stay"},
		"look-alike":        {replace("  type", "  portsy: 1\n  type"), "spec.portsy must stay"},
		"second document":   {drawnService + "---\n" + drawnService, "1 documents"},
		"empty":             {"", "1 documents"},
		"only a comment":    {"# nothing", "1 documents"},
		"a list":            {"- a", "is no object"},
		"a text":            {"hello", "is no object"},
		"null":              {"null", "is no object"},
		"aliases":           {billionLaughs(), "anchor or alias"},
		"an alias":          {replace("app: web", "app: &a web") + "x: *a\n", "anchor or alias"},
		"a merge":           {replace("spec:", "spec:\n  <<: {a: b}"), "must stay"},
		"a tag":             {replace("app: web", "app: !!binary d2Vi"), "tag"},
		"a local tag":       {replace("app: web", "app: !go web"), "tag"},
		"twice":             {replace("  type", "  type: ClusterIP\n  type"), "cannot be read"},
		"numbers as keys":   {"1: {2: 3}", ""},
		"a map as key":      {"{a: b}: c", ""},
		"deep":              {strings.Repeat("[", 3000), ""},
		"wide":              {"a: [" + strings.Repeat("1,", 3000) + "]", "more than 2000"},
		"large":             {strings.Repeat("#", 1<<20), "longer than"},
		"broken":            {"a: [b", "cannot be read"},
		"binary":            {"\x00\xff\xfe", "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			docs, err := parseYAML(tc.text)
			if err != nil {
				require.Contains(t, err.Error(), tc.want)
				require.Less(t, len(err.Error()), 500)
				return
			}
			problems := foreign(template, docs, "spec.ports")
			require.NotEmpty(t, problems)
			require.Equal(t, "yaml", problems[0].Field)
			require.Contains(t, problems.String(), tc.want)
		})
	}
	for name, text := range map[string]string{
		"the same": drawnService, "ports": replace("8080", "9090"), "a comment": "# mine\n" + drawnService, "no ports": replace("  ports:\n  - name: http\n    port: 80\n    protocol: TCP\n    targetPort: 8080\n", ""),
	} {
		docs, err := parseYAML(text)
		require.NoError(t, err, name)
		require.Empty(t, foreign(template, docs, "spec.ports"), name)
	}
}

func TestPrintedYAMLIsRead(t *testing.T) {
	t.Parallel()
	docs, err := asJSON(map[string]any{"a": 1, "b": []any{"x: y", true}}, map[string]any{"c": "1"})
	require.NoError(t, err)
	text, err := docs.printYAML("one", "two")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(text, "# one\n# two\n"))
	again, err := parseYAML(text)
	require.NoError(t, err)
	require.Equal(t, docs, again)
}

func FuzzParseYAML(f *testing.F) {
	f.Add(drawnService)
	f.Add(billionLaughs())
	f.Add("a: !!map {b: *c}")
	template, err := parseYAML(drawnService)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		docs, err := parseYAML(text)
		if err != nil {
			return
		}
		foreign(template, docs, "spec.ports")
	})
}

// Whatever YAML is posted, nothing but the Service of the node is written.
func TestHostileFixes(t *testing.T) {
	t.Parallel()
	r := newRig(t, shared.Cluster(t))
	w := r.shop()
	text := r.template(w, "svc", models.FixPort)
	before := r.service("svc").ResourceVersion
	for name, hostile := range map[string]string{
		"another namespace": strings.Replace(text, r.namespace, "kube-system", 1),
		"another service":   strings.Replace(text, "name: svc", "name: other", 1),
		"a pod":             "apiVersion: v1\nkind: Pod\nmetadata: {name: svc, namespace: " + r.namespace + "}\nspec: {containers: [{name: a, image: b}]}\n",
		"a second document": text + "---\n" + text,
		"a port out of it":  strings.Replace(text, "port: 80\n", "port: 80000\n", 1),
		"a node port":       strings.Replace(text, "port: 80\n", "port: 80\n    nodePort: 30001\n", 1),
		"unknown of a port": strings.Replace(text, "port: 80\n", "port: 80\n    hostPort: 1\n", 1),
		"ports as text":     withPorts(text, "  ports: everything\n"),
		"bomb":              billionLaughs(),
		"large":             strings.Repeat("a", 1<<20),
	} {
		_, err := r.fix(w, "svc", models.FixPort, hostile)
		require.Equal(t, models.Invalid, models.KindOf(err), "%s: %v", name, err)
		require.NotEmpty(t, models.MessageOf(err), name)
	}
	require.Equal(t, before, r.service("svc").ResourceVersion)
	require.EqualValues(t, 8080, r.stored(w, "svc")["targetPort"])
}
