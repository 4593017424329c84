package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// pod returns the pod template of a workload.
func podOf(o map[string]any) map[string]any {
	return o["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
}

func container(o map[string]any) map[string]any {
	return podOf(o)["containers"].([]any)[0].(map[string]any)
}

// edits are what people and programs do to objects behind the back of a workflow, and
// what is said of it. docs/operations.md has the same table.
func edits() []struct {
	name, node string
	do         func(intruder)
	want       string // "" for nothing
} {
	return []struct {
		name, node string
		do         func(intruder)
		want       string
	}{
		{"kubectl edit of an image", "web", func(i intruder) {
			i.edit("deployments", "web", func(o map[string]any) { container(o)["image"] = "nginx:edited" })
		}, "spec.template.spec.containers[name=web].image: nginx:edited, not nginx (kubectl-edit)"},
		{"kubectl patch of an image", "web", func(i intruder) {
			i.patch("deployments", "web", types.StrategicMergePatchType, `{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"nginx:patched"}]}}}}`)
		}, "spec.template.spec.containers[name=web].image: nginx:patched, not nginx (kubectl-patch)"},
		{"server-side apply by another manager", "web", func(i intruder) {
			i.patch("deployments", "web", types.ApplyPatchType,
				`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"template":{"spec":{"containers":[{"name":"web","image":"nginx:applied"}]}}}}`)
		}, "spec.template.spec.containers[name=web].image: nginx:applied, not nginx (argocd)"},
		{"kubectl scale", "web", func(i intruder) {
			i.patch("deployments", "web", types.MergePatchType, `{"spec":{"replicas":3}}`, "scale")
		}, "spec.replicas: 3, not 1 (kubectl-patch)"},
		{"kubectl scale of what has an autoscaler", "auto", func(i intruder) {
			i.patch("deployments", "auto", types.MergePatchType, `{"spec":{"replicas":2}}`, "scale")
		}, ""},
		{"a changed key", "conf", func(i intruder) {
			i.edit("configmaps", "conf", func(o map[string]any) { o["data"].(map[string]any)["a"] = "changed" })
		}, "data.a: changed, not 1 (kubectl-edit)"},
		{"a removed key", "conf", func(i intruder) {
			i.edit("configmaps", "conf", func(o map[string]any) { delete(o["data"].(map[string]any), "b") })
		}, "data.b: nothing, not 2 ()"},
		{"an extra key", "conf", func(i intruder) {
			i.edit("configmaps", "conf", func(o map[string]any) { o["data"].(map[string]any)["extra"] = "x" })
		}, "added data.extra (kubectl-edit)"},
		{"a label removed", "svc", func(i intruder) {
			i.patch("services", "svc", types.MergePatchType, `{"metadata":{"labels":{"app":null}}}`)
		}, "metadata.labels.app: nothing, not svc ()"},
		{"our own label removed", "svc", func(i intruder) {
			i.patch("services", "svc", types.MergePatchType, `{"metadata":{"labels":{"kubeorch.io/workflow":null}}}`)
		}, "Service is refused"},
		{"a variable added", "web", func(i intruder) {
			i.edit("deployments", "web", func(o map[string]any) {
				container(o)["env"] = append(container(o)["env"].([]any), map[string]any{"name": "DEBUG", "value": "1"})
			})
		}, "added spec.template.spec.containers[name=web].env[name=DEBUG] (kubectl-edit)"},
		{"a sidecar added", "web", func(i intruder) {
			i.edit("deployments", "web", func(o map[string]any) {
				podOf(o)["containers"] = append(podOf(o)["containers"].([]any), map[string]any{"name": "side", "image": "busybox"})
			})
		}, "added spec.template.spec.containers[name=side] (kubectl-edit)"},
		{"a limit spelled otherwise", "web", func(i intruder) {
			i.edit("deployments", "web", func(o map[string]any) {
				container(o)["resources"] = map[string]any{"limits": map[string]any{"memory": "0.125Gi"}}
			})
		}, ""},
		{"the port of a Service", "svc", func(i intruder) {
			i.edit("services", "svc", func(o map[string]any) {
				o["spec"].(map[string]any)["ports"].([]any)[0].(map[string]any)["targetPort"] = int64(9090)
			})
		}, "spec.ports[port=80,protocol=TCP].targetPort: 9090, not 8080 (kubectl-edit)"},
		{"the value of a Secret", "pw", func(i intruder) {
			i.patch("secrets", "pw", types.MergePatchType, `{"stringData":{"password":"edited-value"}}`)
		}, "data.password: ••••••, not •••••• (kubectl-patch)"},
		{"a typed variable removed", "web", func(i intruder) {
			i.patch("secrets", "web-env", types.MergePatchType, `{"data":{"TOKEN":null}}`)
		}, "data.TOKEN: nothing, not •••••• ()"},
		{"deleted", "conf", func(i intruder) { i.remove("configmaps", "conf") }, "ConfigMap is gone"},
		{"the headless Service of a StatefulSet deleted", "db", func(i intruder) { i.remove("services", "db-headless") }, "Service is gone"},
		{"deleted and made again by somebody else", "conf", func(i intruder) {
			i.remove("configmaps", "conf")
			o := &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "conf"}, "data": map[string]any{"a": "1"},
			}}
			_, err := i.objects("configmaps").Create(i.t.Context(), o, metav1.CreateOptions{FieldManager: "helm"})
			require.NoError(i.t, err)
		}, "ConfigMap is refused"},
		{"managedFields cleared", "web", func(i intruder) {
			i.edit("deployments", "web", func(o map[string]any) { o["metadata"].(map[string]any)["managedFields"] = []any{map[string]any{}} })
		}, ""},
		{"kubectl rollout restart and undo", "web", func(i intruder) {
			at := map[string]any{"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
			template := func(o map[string]any) map[string]any {
				return o["spec"].(map[string]any)["template"].(map[string]any)["metadata"].(map[string]any)
			}
			i.edit("deployments", "web", func(o map[string]any) {
				annotations, _ := template(o)["annotations"].(map[string]any)
				if annotations == nil {
					annotations = map[string]any{}
				}
				for k, v := range at {
					annotations[k] = v
				}
				template(o)["annotations"] = annotations
			})
			i.edit("deployments", "web", func(o map[string]any) {
				delete(template(o)["annotations"].(map[string]any), "kubectl.kubernetes.io/restartedAt")
			})
		}, ""},
	}
}

// Each edit is told by an event of the stream and by the API, and is over after a run.
// What is no drift is told neither by the time that a later edit is.
func TestEditsAndWhatDriftSays(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	ann := newPerson(t, "ann")
	ann.addCluster(t, cluster)
	i := intruder{t, cluster, cluster.Namespace(t)}
	workload := func(id string) object {
		return node(id, "deployment", i.namespace, id, "image", "nginx", "replicas", 1, "port", 8080,
			"env", object{"MODE": "x"}, "resources", object{"limits": object{"memory": "128Mi"}})
	}
	web := workload("web")
	web["data"].(object)["envKeys"] = []object{{"name": "TOKEN"}}
	id := ann.draw(t, []object{
		web, workload("auto"), node("hpa", "hpa", i.namespace, "hpa", "minReplicas", 1, "maxReplicas", 4, "targetCPUUtilization", 80),
		node("conf", "configmap", i.namespace, "conf", "data", object{"a": "1", "b": "2"}),
		node("svc", "service", i.namespace, "svc", "port", 80, "targetPort", 8080),
		node("pw", "secret", i.namespace, "pw", "keys", []object{{"name": "password"}}),
		node("db", "statefulset", i.namespace, "db", "image", "postgres", "port", 5432),
		node("watch", "configmap", i.namespace, "watch", "data", object{"n": "0"}),
	}, edges("svc>web", "hpa>auto"))
	values := object{"secrets": object{"pw": object{"password": "first-value"}}, "envVars": object{"web": object{"TOKEN": "typed-value"}}}
	ann.run(t, id, values)
	reader := ann.streamStatus(t, id)
	for _, e := range edits() {
		before := len(reader.drifts(t, e.node))
		e.do(i)
		if e.want != "" {
			reader.untilDrift(t, e.node, e.want)
			require.Equal(t, e.want, describeDrift(ann.drift(t, id, e.node)), e.name)
		} else {
			i.edit("configmaps", "watch", func(o map[string]any) { o["data"].(map[string]any)["n"] = e.name })
			reader.untilDrift(t, "watch", "data.n: "+e.name+", not 0 (kubectl-edit)")
			for _, said := range reader.drifts(t, e.node)[before:] {
				require.Contains(t, e.name+said, "restartedAt", "%s: %s", e.name, said) // in between it is there
			}
			require.Nil(t, ann.drift(t, id, e.node), e.name)
		}
		t.Logf("| %s | %s |", e.name, e.want)
		i.takeBack(e.name)
		ann.run(t, id, values)
		if e.want == "" {
			reader.untilDrift(t, "watch", "none")
		} else {
			reader.untilDrift(t, e.node, "none")
		}
	}
	for _, ev := range reader.seen() {
		require.NotContains(t, ev.data, "edited-value")
		require.NotContains(t, ev.data, "first-value")
		require.NotContains(t, ev.data, "typed-value")
	}
	told := 0
	for _, n := range ann.told(t) {
		if n["refId"] == id && n["type"] == "resource_warning" {
			told++
		}
	}
	require.Equal(t, 1, told, "the same news is unread once")
}

// takeBack takes back what a run leaves alone.
func (i intruder) takeBack(edit string) {
	switch edit {
	case "an extra key":
		i.edit("configmaps", "conf", func(o map[string]any) { delete(o["data"].(map[string]any), "extra") })
	case "a variable added":
		i.edit("deployments", "web", func(o map[string]any) {
			container(o)["env"] = container(o)["env"].([]any)[:len(container(o)["env"].([]any))-1]
		})
	case "a sidecar added":
		i.edit("deployments", "web", func(o map[string]any) { podOf(o)["containers"] = podOf(o)["containers"].([]any)[:1] })
	case "our own label removed":
		i.remove("services", "svc")
	case "deleted and made again by somebody else":
		i.remove("configmaps", "conf")
	}
}

// What somebody else's workflow drifts is nobody's business.
func TestDriftOfSomebodyElse(t *testing.T) {
	t.Parallel()
	ann, bob := newPerson(t, "ann"), newPerson(t, "bob")
	ann.addCluster(t, shared.Cluster(t))
	id := ann.createWorkflow(t)
	for _, method := range []string{"GET", "PUT"} {
		for _, unknown := range []string{id, "ffffffffffffffffffffffff", "x"} {
			res := bob.call(t, method, api+"/workflows/"+unknown+"/drift", bob.token, `{"mode":"correct"}`)
			require.Equal(t, http.StatusNotFound, res.StatusCode, res.text)
		}
	}
	got := ann.ask(t, http.StatusOK, "PUT", "/workflows/"+id+"/drift", object{"mode": "off"})
	require.Equal(t, object{"mode": "off", "ignored": object{}}, got)
	res := ann.call(t, "PUT", api+"/workflows/"+id+"/drift", ann.token, `{"mode":"fight","ignored":{"gone":["x"]}}`)
	require.Equal(t, http.StatusBadRequest, res.StatusCode)
	require.Contains(t, res.text, "ignored[gone]")
	require.Contains(t, res.text, "mode")
}
