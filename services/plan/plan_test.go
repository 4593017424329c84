package plan

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/template"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/templates"
)

func registry(tb testing.TB) *kinds.Registry {
	tb.Helper()
	r, err := template.Load(templates.FS)
	require.NoError(tb, err)
	reg, err := kinds.NewRegistry(kinds.Builtin(r, []models.Plugin{{ID: "greeter", CRDGroup: "example.kubeorch.io",
		NodeTypes: []models.PluginNodeType{{Name: "greeting", Kind: "Greeting", Fields: []models.PluginField{{ID: "words"}}}}}})...)
	require.NoError(tb, err)
	return reg
}

// drawGraph reads a drawing like "web:deployment db:statefulset svc:service
// svc>web db>web". Every node gets what its type needs, and its id as name.
func drawGraph(text string) models.Graph {
	var g models.Graph
	for _, word := range strings.Fields(text) {
		if from, to, ok := strings.Cut(word, ">"); ok {
			g.Edges = append(g.Edges, models.Edge{ID: word, Source: from, Target: to})
			continue
		}
		id, typ, _ := strings.Cut(word, ":")
		g.Nodes = append(g.Nodes, models.Node{ID: id, Type: typ, Data: dataOf(id, typ)})
	}
	return g
}

func dataOf(name, typ string) models.Data {
	d := models.Data{"name": name}
	switch typ {
	case kinds.TypeDeployment, kinds.TypeStatefulSet, kinds.TypeDaemonSet, kinds.TypeJob:
		d["image"] = "nginx"
	case kinds.TypeCronJob:
		d["image"], d["schedule"] = "nginx", "0 * * * *"
	case kinds.TypeService:
		d["port"], d["targetApp"] = int64(80), "any"
	case kinds.TypeClaim:
		d["storage"], d["accessModes"] = "1Gi", []any{"ReadWriteOnce"}
	case kinds.TypeHPA:
		d["maxReplicas"], d["targetCPUUtilization"], d["scaleTargetName"] = int64(3), int64(80), "any"
	case kinds.TypePlugin:
		d["templateId"] = "greeting"
	}
	return d
}

func build(t *testing.T, text string) (*Plan, models.Problems) {
	t.Helper()
	return Build(drawGraph(text), registry(t), Options{WorkflowID: "0123456789abcdef01234567"})
}

func TestWaves(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ in, want string }{
		"one node":                  {"a:deployment", "a"},
		"by phase without edges":    {"p:plugin n:networkpolicy s:service w:deployment c:configmap v:persistentvolumeclaim", "c v | w | s | n | p"},
		"alphabetical in a wave":    {"b:deployment a:job c:daemonset", "a b c"},
		"consumers follow":          {"i:ingress s:service w:deployment i>s s>w", "w | s | i"},
		"drawn the other way":       {"i:ingress s:service w:deployment s>i w>s", "w | s | i"},
		"dependencies come first":   {"c:configmap x:secret w:cronjob c>w w>x", "c x | w"},
		"workloads in order":        {"a:deployment b:statefulset c:job a>b b>c", "a | b | c"},
		"same edge twice":           {"a:deployment b:job a>b" + " a>b", "a | b"},
		"autoscaler and policy":     {"h:hpa n:networkpolicy w:deployment h>w n>w", "w | h | n"},
		"custom resource last":      {"p:plugin w:deployment s:service w>p", "w | s | p"},
		"custom resource on demand": {"p:plugin w:deployment x:job s:service p>w s>w", "p x | w | s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, problems := build(t, tc.in)
			require.Empty(t, problems, problems.String())
			var waves []string
			for i, wave := range p.Waves() {
				var ids []string
				for _, s := range wave {
					require.Equal(t, i, s.Wave)
					ids = append(ids, s.NodeID)
				}
				waves = append(waves, strings.Join(ids, " "))
			}
			require.Equal(t, tc.want, strings.Join(waves, " | "))
		})
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in   string
		want []string
	}{
		"empty":         {"", []string{"field nodes: must hold at least one node"}},
		"unknown type":  {"a:gadget", []string{`gadget "a" field type: "gadget" is no known node type`}},
		"node twice":    {"a:deployment a:job", []string{`deployment "a" field id: is used by more than one node`}},
		"dangling ends": {"a:deployment a>b c>a d>e", []string{`edge from deployment "a" to node "b" leads to "b", and no such`, `edge from node "c" to deployment "a" starts at "c", and no such`, `edge from node "d" to node "e" joins "d" and "e", and neither`}},
		"to itself":     {"a:deployment a>a", []string{`edge from deployment "a" to deployment "a" joins a node to itself`}},
		"no meaning":    {"c:configmap s:service c>s", []string{`edge from configmap "c" to service "s" means nothing: a configmap and a service cannot be joined`}},
		"cycle":         {"a:deployment b:job c:job a>b b>c c>a", []string{`deployment "a" is part of a cycle: deployment "a" → job "b" → job "c" → deployment "a"`}},
		"cycle as drawn": {"s:service w:deployment s>w w>s", []string{
			`service "s" is part of a cycle: service "s" → deployment "w" → service "s"`}},
		"cycle in meaning": {"p:plugin s:service w:deployment s>w s>p p>w", []string{
			`plugin "p" is part of a cycle: plugin "p" → deployment "w" → service "s" → plugin "p"`}},
		"two cycles, and what is behind them": {"a:job b:job c:job d:job e:job a>b b>a c>d d>c b>c d>e", []string{
			`job "a" is part of a cycle: job "a" → job "b" → job "a"`, `job "c" is part of a cycle: job "c" → job "d" → job "c"`}},
		"all at once": {"a:deployment b:gadget c:configmap s:service c>s a>x", []string{
			`gadget "b" field type`, `edge from configmap "c" to service "s" means nothing`, `edge from deployment "a" to node "x" leads to "x"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, problems := build(t, tc.in)
			require.Nil(t, p)
			require.Len(t, problems, len(tc.want), problems.String())
			for i, want := range tc.want {
				require.Contains(t, problems[i].String(), want)
			}
		})
	}
}

func TestFaultsOfAllNodesAtOnce(t *testing.T) {
	t.Parallel()
	g := drawGraph("a:deployment b:job x:job")
	g.Nodes[0].Data["port"] = int64(70000)
	g.Nodes[0].Data["image"] = "Not An Image"
	g.Nodes[1].Data["name"] = "Not_A_Label"
	g.Nodes[2].Data["adopt"] = "yes"
	g.Nodes = append(g.Nodes, models.Node{Type: "job"})
	_, problems := Build(g, registry(t), Options{})
	var at []string
	for _, p := range problems {
		at = append(at, p.Node+"."+p.Field)
	}
	require.Equal(t, []string{".nodes[3].id", "a.image", "a.port", "b.name", "x.adopt"}, at)
}

func TestTwoNodesMakingTheSameObject(t *testing.T) {
	t.Parallel()
	g := drawGraph("a:deployment b:deployment c:secret")
	g.Nodes[1].Data["name"] = "a"
	g.Nodes[1].Data["namespace"] = "other"
	_, problems := Build(g, registry(t), Options{})
	require.Empty(t, problems, "another namespace is another object")

	g.Nodes[1].Data["namespace"] = " default "
	g.Nodes[1].Data["envKeys"] = []any{map[string]any{"name": "TOKEN"}}
	g.Nodes[2].Data["name"] = "a-env"
	_, problems = Build(g, registry(t), Options{})
	require.Equal(t, `deployment "a" (a) field name: makes the Deployment default/a, and so does deployment "a" (b); `+
		`deployment "a" (b) field name: makes the Deployment default/a, and so does deployment "a" (a); `+
		`deployment "a" (b) field name: makes the Secret default/a-env, and so does secret "a-env"; `+
		`secret "a-env" field name: makes the Secret default/a-env, and so does deployment "a" (b)`, problems.String())
}

func TestClashesBesideOtherFaults(t *testing.T) {
	t.Parallel()
	g := drawGraph("a:deployment b:deployment c:configmap d:configmap e:job")
	g.Nodes[1].Data["name"], g.Nodes[1].Data["image"] = "a", ""
	g.Nodes[3].Data["name"] = "c"
	g.Nodes[4].Data["name"] = "a"
	_, problems := Build(g, registry(t), Options{})
	require.Equal(t, `deployment "a" (a) field name: makes the deployment default/a, and so does deployment "a" (b); `+
		`deployment "a" (b) field image: is required; `+
		`deployment "a" (b) field name: makes the deployment default/a, and so does deployment "a" (a); `+
		`configmap "c" (c) field name: makes the ConfigMap default/c, and so does configmap "c" (d); `+
		`configmap "c" (d) field name: makes the ConfigMap default/c, and so does configmap "c" (c)`, problems.String())
}

func TestEdgeIDs(t *testing.T) {
	t.Parallel()
	g := drawGraph("a:job b:job c:job a>b" + " a>b a>c")
	_, problems := Build(g, registry(t), Options{})
	require.Empty(t, problems, "the same edge twice harms nobody")
	g.Edges[2].ID = "a>b"
	_, problems = Build(g, registry(t), Options{})
	require.Equal(t, `edge from job "a" to job "b" field id: is used by more than one edge`, problems.String())
	g.Edges[1].ID, g.Edges[2].ID = "", ""
	_, problems = Build(g, registry(t), Options{})
	require.Empty(t, problems, "an edge may have no id")
}

func TestGraphLimits(t *testing.T) {
	t.Parallel()
	g := models.Graph{Nodes: make([]models.Node, models.MaxNodes+1), Edges: make([]models.Edge, models.MaxEdges+1)}
	_, problems := Build(g, registry(t), Options{})
	require.Len(t, problems, 2)
}

func TestOwnershipMarks(t *testing.T) {
	t.Parallel()
	g := drawGraph("w:deployment c:cronjob s:statefulset x:secret")
	odd := strings.Repeat("ü", 70)
	g.Nodes[0].ID = odd
	g.Nodes[0].Data["envKeys"] = []any{map[string]any{"name": "TOKEN"}}
	p, problems := Build(g, registry(t), Options{WorkflowID: "wf"})
	require.Empty(t, problems)
	for _, s := range p.Steps {
		for _, o := range s.AllObjects() {
			require.Equal(t, "wf", o.GetLabels()[WorkflowLabel])
			require.Equal(t, NodeLabel(s.NodeID), o.GetLabels()[NodeIDLabel])
			require.Equal(t, s.NodeID, o.GetAnnotations()[NodeIDAnnotation])
		}
	}
	require.Regexp(t, `^sha256-[0-9a-f]{32}$`, NodeLabel(odd))
	require.NotEqual(t, NodeLabel(odd), NodeLabel(odd+"x"))

	for node, path := range map[string][]string{
		odd: {"spec", "template", "metadata", "labels"},
		"c": {"spec", "jobTemplate", "spec", "template", "metadata", "labels"},
		"s": {"spec", "template", "metadata", "labels"},
	} {
		labels, _, err := unstructured.NestedStringMap(step(t, p, node).Objects[0].Object, path...)
		require.NoError(t, err)
		require.Equal(t, "wf", labels[WorkflowLabel], node)
		require.Equal(t, NodeLabel(node), labels[NodeIDLabel], node)
	}
	selector, _, _ := unstructured.NestedStringMap(step(t, p, odd).Objects[0].Object, "spec", "selector", "matchLabels")
	require.Equal(t, map[string]string{"app": "w", kinds.TypeLabel: "deployment"}, selector)
	require.Empty(t, step(t, p, "x").Objects, "a secret exists once its values were typed")
	require.Equal(t, "x", step(t, p, "x").Values.Object.GetName())
}

func TestDependsOn(t *testing.T) {
	t.Parallel()
	p, problems := build(t, "c:configmap w:deployment s:service i:ingress n:networkpolicy c>w s>w i>s n>w")
	require.Empty(t, problems)
	require.Equal(t, []string{"c"}, step(t, p, "w").DependsOn)
	require.Equal(t, []string{"w"}, step(t, p, "s").DependsOn)
	require.Equal(t, []string{"s"}, step(t, p, "i").DependsOn)
	require.Empty(t, step(t, p, "n").DependsOn, "pods must not run without their policy because one of them failed")
}

func step(t *testing.T, p *Plan, id string) Step {
	t.Helper()
	for _, s := range p.Steps {
		if s.NodeID == id {
			return s
		}
	}
	require.Fail(t, "no step", id)
	return Step{}
}
