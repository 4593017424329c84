package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// shop is the sample application, drawn for a namespace.
func shop(t *testing.T, namespace string) (nodes, edges []object) {
	t.Helper()
	text, err := os.ReadFile("../docs/examples/shop.json")
	require.NoError(t, err)
	var graph struct{ Nodes, Edges []object }
	text = []byte(strings.ReplaceAll(string(text), "kubeorch-demo", namespace))
	require.NoError(t, json.Unmarshal(text, &graph))
	require.Len(t, graph.Nodes, 15)
	return graph.Nodes, graph.Edges
}

// shopStates are the good states of the sample's nodes. Nothing measures the
// load of the cluster's pods, so its autoscaler has nothing to go by.
func shopStates() map[string]string {
	return map[string]string{
		"node-1": "created", "node-2": "created", "node-3": "created", "node-4": "Bound",
		"node-5": "healthy", "node-6": "healthy", "node-7": "healthy", "node-8": "healthy", "node-9": "healthy",
		"node-10": "healthy", "node-11": "error stable limited", "node-12": "active", "node-13": "completed",
		"node-14": "active", "node-15": "healthy",
	}
}

func shopTyped() object {
	return object{
		"secrets": object{"node-3": object{"POSTGRES_PASSWORD": "s3cret-of-the-shop"}},
		"envVars": object{"node-6": object{"API_TOKEN": "token-of-the-shop"}},
	}
}

// kindsOf lists the kinds that the tests find objects of.
func kindsOf() []schema.GroupVersionResource {
	of := func(group, version string, resources ...string) (list []schema.GroupVersionResource) {
		for _, r := range resources {
			list = append(list, schema.GroupVersionResource{Group: group, Version: version, Resource: r})
		}
		return list
	}
	return slices.Concat(
		of("", "v1", "configmaps", "secrets", "services", "persistentvolumeclaims"),
		of("apps", "v1", "deployments", "statefulsets", "daemonsets"),
		of("batch", "v1", "jobs", "cronjobs"),
		of("networking.k8s.io", "v1", "ingresses", "networkpolicies"),
		of("autoscaling", "v2", "horizontalpodautoscalers"),
	)
}

// objects returns what a run of a workflow left in a namespace, by kind and
// name.
func objects(t *testing.T, c *kubetest.Cluster, namespace, workflow string) map[string]unstructured.Unstructured {
	t.Helper()
	found := map[string]unstructured.Unstructured{}
	for _, resource := range kindsOf() {
		list, err := c.Dynamic().Resource(resource).Namespace(namespace).
			List(t.Context(), metav1.ListOptions{LabelSelector: "kubeorch.io/workflow=" + workflow})
		require.NoError(t, err)
		for _, o := range list.Items {
			if len(o.GetOwnerReferences()) == 0 { // what controllers make copies labels
				found[o.GetKind()+" "+o.GetName()] = o
			}
		}
	}
	return found
}

func TestSampleApplication(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := unusedNamespace(t, cluster)
	ann := newPerson(t, "ann")
	ann.addCluster(t, cluster)
	nodes, edges := shop(t, namespace)
	id := ann.draw(t, nodes, edges)
	watched := ann.streamStatus(t, id)
	require.Equal(t, "metadata", watched.names()[0])

	run := ann.run(t, id, shopTyped())
	watched.untilStates(t, shopStates())
	requireRun(t, run, id, 1, len(nodes))
	made := objects(t, cluster, namespace, id)
	names := slices.Sorted(maps.Keys(made))
	require.Len(t, names, 17, "one for each node, the Secret of typed variables and the database's own Service")
	require.Contains(t, names, "Service shop-db")
	for name, o := range made {
		labels := o.GetLabels()
		require.Equal(t, "kubeorch", labels["managed-by"], name)
		require.Equal(t, "kubeorch", labels["app.kubernetes.io/managed-by"], name)
		require.Equal(t, strings.TrimSuffix(o.GetName(), "-env"), labels["app"], name)
		require.NotEmpty(t, labels["kubeorch.io/node"], name)
	}
	requireShop(t, made)
	requireStored(t, ann, id, watched)
	requireSecondRun(t, ann, id, func() map[string]unstructured.Unstructured { return objects(t, cluster, namespace, id) })
	versions := ann.ask(t, 200, "GET", "/workflows/"+id+"/versions", nil)
	require.EqualValues(t, 2, versions["total"])
	newest := versions["versions"].([]any)[0].(object)
	require.EqualValues(t, 2, newest["version"])
	require.Equal(t, "completed", newest["run_status"])
	require.Equal(t, true, newest["is_automatic"])
	require.Len(t, newest["nodes"], len(nodes))
	require.Empty(t, statusesIn(newest["nodes"]), "a snapshot holds no statuses")
}

func requireRun(t *testing.T, run object, id string, version, nodes int) {
	t.Helper()
	require.Equal(t, id, run["workflow_id"])
	require.EqualValues(t, version, run["version"])
	require.Equal(t, "manual", run["triggered_by"])
	require.Len(t, run["node_states"], nodes)
	for node, state := range run["node_states"].(object) {
		require.Equal(t, "completed", state.(object)["status"], node)
	}
	for _, line := range run["logs"].([]any) {
		require.Regexp(t, `^\[\d\d:\d\d:\d\d\] .+`, line)
	}
	require.NotContains(t, fmt.Sprint(run), "of-the-shop", "a typed value")
	require.NotEmpty(t, run["completed_at"])
}

// requireShop looks at what the edges of the sample mean.
func requireShop(t *testing.T, made map[string]unstructured.Unstructured) {
	t.Helper()
	at := func(name string, path ...string) any {
		o, ok := made[name]
		require.True(t, ok, name)
		value, _, err := unstructured.NestedFieldNoCopy(o.Object, path...)
		require.NoError(t, err)
		return value
	}
	workflow := at("Service shop-web", "metadata", "labels").(object)["kubeorch.io/workflow"]
	require.Equal(t, object{"app": "shop-web", "kubeorch.io/workflow": workflow}, at("Service shop-web", "spec", "selector"))
	require.EqualValues(t, 2, at("Deployment shop-api", "spec", "replicas"), "set by the autoscaler, not by the drawing")
	api := at("Deployment shop-api", "spec", "template", "spec", "containers").([]any)[0].(object)
	require.Contains(t, fmt.Sprint(api["envFrom"]), "shop-config")
	require.Contains(t, fmt.Sprint(api["env"]), "shop-api-env")
	require.Contains(t, fmt.Sprint(api["volumeMounts"]), "/data/uploads")
	require.Contains(t, fmt.Sprint(at("StatefulSet shop-db", "spec", "template", "spec")), "shop-db-password")
	require.Equal(t, "shop-api", at("HorizontalPodAutoscaler shop-api", "spec", "scaleTargetRef", "name"))
	require.Len(t, at("NetworkPolicy shop-db", "spec", "ingress").([]any), 1, "nothing else may reach the database")
	require.Contains(t, at("Secret shop-api-env", "data"), "API_TOKEN")
}

// requireStored requires that the document says what the stream said.
func requireStored(t *testing.T, p *person, id string, watched *stream) {
	t.Helper()
	kubetest.Eventually(t, "the statuses in the document", func(context.Context) error {
		stored := p.statuses(t, id)
		watched.mu.Lock()
		defer watched.mu.Unlock()
		for node, status := range watched.status {
			if fmt.Sprint(status["state"]) != fmt.Sprint(stored[node]["state"]) {
				return fmt.Errorf("%s: stored %v, streamed %v", node, stored[node], status)
			}
		}
		return nil
	})
	require.Len(t, p.statuses(t, id), len(shopStates()))
	w := p.ask(t, 200, "GET", "/workflows/"+id, nil)
	require.EqualValues(t, 1, w["run_count"])
	require.EqualValues(t, 1, w["success_count"])
	require.EqualValues(t, 1, w["current_version"])
	require.NotEmpty(t, w["last_run_at"])
}

// requireSecondRun requires that a run without changes writes nothing but the
// Job, which starts again. Others write too, in their own time: the autoscaler
// reports that it sees no load.
func requireSecondRun(t *testing.T, p *person, id string, list func() map[string]unstructured.Unstructured) {
	t.Helper()
	before := list()
	second := p.run(t, id, object{"secrets": object{}, "envVars": object{}})
	requireRun(t, second, id, 2, len(shopStates()))
	after := list()
	require.Len(t, after, len(before))
	for name, o := range after {
		switch old := before[name]; o.GetKind() {
		case "Job":
			require.NotEqual(t, old.GetUID(), o.GetUID())
		case "HorizontalPodAutoscaler":
			require.Equal(t, old.GetGeneration(), o.GetGeneration())
		default:
			require.Equal(t, old.GetResourceVersion(), o.GetResourceVersion(), name)
		}
	}
	require.Len(t, p.runs(t, id), 2)
}
