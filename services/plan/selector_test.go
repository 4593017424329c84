package plan

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/kinds"
)

// sameNames draws two workloads of one name with a Service each, a policy for
// one of them which the other's pods may reach, and a job of that name.
func sameNames() models.Graph {
	g := drawGraph("web:deployment db:statefulset job:job sw:service sd:service np:networkpolicy two:networkpolicy " +
		"sw>web sd>db np>web two>web two>job")
	for i, n := range g.Nodes {
		if slices.Contains(kinds.Workloads(), n.Type) {
			g.Nodes[i].Data["name"] = "api"
		}
	}
	g.Nodes[5].Data["ingressRules"] = []any{map[string]any{"id": "r"}}
	g.Edges = append(g.Edges, models.Edge{ID: "peer", Source: "np", Target: "db", SourceHandle: "r"})
	return g
}

func TestSelectorsTellWorkloadsOfOneNameApart(t *testing.T) {
	t.Parallel()
	p, problems := Build(sameNames(), registry(t), Options{WorkflowID: "one"})
	require.Empty(t, problems, problems.String())
	other, problems := Build(sameNames(), registry(t), Options{WorkflowID: "another"})
	require.Empty(t, problems)

	pods := map[string]labels.Set{}
	for _, node := range []string{"web", "db", "job"} {
		pods[node] = podLabels(t, workload(step(t, p, node)))
		pods["another's "+node] = podLabels(t, workload(step(t, other, node)))
	}
	selected := func(s labels.Selector) (nodes []string) {
		for node, l := range pods {
			require.Equal(t, "api", l["app"])
			if s.Matches(l) {
				nodes = append(nodes, node)
			}
		}
		slices.Sort(nodes)
		return nodes
	}
	service := func(o *unstructured.Unstructured) labels.Selector {
		m, _, err := unstructured.NestedStringMap(o.Object, "spec", "selector")
		require.NoError(t, err)
		require.Equal(t, "api", m["app"])
		return labels.SelectorFromSet(m)
	}
	require.Equal(t, []string{"web"}, selected(service(step(t, p, "sw").Objects[0])))
	require.Equal(t, []string{"db"}, selected(service(step(t, p, "sd").Objects[0])))
	require.Equal(t, []string{"db"}, selected(service(governing(step(t, p, "db")))), "the Service that governs a statefulset")
	require.Equal(t, []string{"web"}, selected(selectorAt(t, step(t, p, "np").Objects[0], "podSelector")))
	require.Equal(t, []string{"job", "web"}, selected(selectorAt(t, step(t, p, "two").Objects[0], "podSelector")))
	rules, _, err := unstructured.NestedSlice(step(t, p, "np").Objects[0].Object, "spec", "ingress")
	require.NoError(t, err)
	peer := &unstructured.Unstructured{Object: map[string]any{"spec": rules[0].(map[string]any)["from"].([]any)[0]}}
	require.Equal(t, []string{"db"}, selected(selectorAt(t, peer, "podSelector")))

	for _, node := range []string{"web", "db"} {
		own := selected(selectorAt(t, workload(step(t, p, node)), "selector"))
		require.Equal(t, []string{"another's " + node, node}, own, "of one type only one can have the name")
	}
}

// TestSelectorsOutliveNodeIDs: a workload drawn anew under another id is the
// same object, and its Service finds the pods that it has.
func TestSelectorsOutliveNodeIDs(t *testing.T) {
	t.Parallel()
	objects := func(id string) (workload, service *unstructured.Unstructured) {
		g := drawGraph(id + ":deployment s:service s>" + id)
		g.Nodes[0].Data["name"] = "api"
		p, problems := Build(g, registry(t), Options{WorkflowID: "w"})
		require.Empty(t, problems)
		return step(t, p, id).Objects[0], step(t, p, "s").Objects[0]
	}
	before, _ := objects("node-1")
	after, service := objects("node-7")
	was, _, _ := unstructured.NestedMap(before.Object, "spec", "selector")
	is, _, _ := unstructured.NestedMap(after.Object, "spec", "selector")
	require.Equal(t, was, is)
	m, _, _ := unstructured.NestedStringMap(service.Object, "spec", "selector")
	require.True(t, labels.SelectorFromSet(m).Matches(podLabels(t, before)))
}

func workload(s Step) *unstructured.Unstructured {
	return s.Objects[slices.IndexFunc(s.Objects, func(o *unstructured.Unstructured) bool { return o.GetKind() != "Service" })]
}

func governing(s Step) *unstructured.Unstructured {
	return s.Objects[slices.IndexFunc(s.Objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "Service" })]
}

func podLabels(t *testing.T, o *unstructured.Unstructured) labels.Set {
	t.Helper()
	m, _, err := unstructured.NestedStringMap(o.Object, "spec", "template", "metadata", "labels")
	require.NoError(t, err)
	return m
}

func selectorAt(t *testing.T, o *unstructured.Unstructured, key string) labels.Selector {
	t.Helper()
	holder, _, err := unstructured.NestedMap(o.Object, "spec")
	require.NoError(t, err)
	plain, _ := holder[key].(map[string]any)
	var typed metav1.LabelSelector
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(plain, &typed))
	selector, err := metav1.LabelSelectorAsSelector(&typed)
	require.NoError(t, err)
	return selector
}
