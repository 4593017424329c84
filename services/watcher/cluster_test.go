package watcher

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// watchOnDevCluster starts a manager for a workflow in a namespace of a real
// cluster.
func watchOnDevCluster(t *testing.T, nodes ...[3]string) (*watched, *kubetest.Cluster) {
	t.Helper()
	cluster := shared.Cluster(t)
	w := &watched{t: t, in: cluster.Namespace(t)}
	w.draw(nodes)
	connector := kubernetes.NewConnector(kubernetes.Options{})
	t.Cleanup(connector.Close)
	conn, err := connector.Open(kubernetes.Config{AuthType: kubernetes.AuthKubeconfig, Kubeconfig: string(cluster.Kubeconfig())})
	require.NoError(t, err)
	t.Cleanup(func() { connector.Discard(conn) })
	w.run(WatchThrough(func(context.Context, models.Workflow, string) (*kubernetes.Connection, error) { return conn, nil }))
	return w, cluster
}

// make creates a node's object.
func (w *watched) make(c *kubetest.Cluster, resource string, object map[string]any) {
	w.t.Helper()
	u := &unstructured.Unstructured{Object: object}
	gv, err := schema.ParseGroupVersion(u.GetAPIVersion())
	require.NoError(w.t, err)
	unstructured.RemoveNestedField(object, "status")
	_, err = c.Dynamic().Resource(gv.WithResource(resource)).Namespace(w.in).Create(w.t.Context(), u, metav1.CreateOptions{})
	require.NoError(w.t, err)
}

// workload returns a Deployment whose pods fail in the given way, if any.
func (w *watched) workload(node, fail string) map[string]any {
	o := w.deployment(node, 0)
	meta := o["metadata"].(map[string]any)
	template := map[string]any{"labels": meta["labels"], "annotations": map[string]any{}}
	if fail != "" {
		template["annotations"] = map[string]any{"devcluster.kubeorch.io/fail": fail}
	}
	o["spec"] = map[string]any{
		"replicas": int64(2),
		"selector": map[string]any{"matchLabels": map[string]any{"kubeorch.io/node": node}},
		"template": map[string]any{"metadata": template, "spec": map[string]any{
			"containers": []any{map[string]any{"name": "web", "image": "nginx:1"}},
		}},
	}
	return o
}

func TestWatcherOnACluster(t *testing.T) {
	t.Parallel()
	w, cluster := watchOnDevCluster(t, [3]string{"good", "deployment", ""}, [3]string{"crash", "deployment", ""},
		[3]string{"cm", "configmap", ""}, [3]string{"key", "secret", ""}, [3]string{"svc", "service", ""}, [3]string{"rules", "networkpolicy", ""})
	defer w.Hold(w.wf.ID)()
	w.make(cluster, "deployments", w.workload("good", ""))
	w.make(cluster, "deployments", w.workload("crash", "crash-loop"))
	w.make(cluster, "configmaps", with(w.object("cm", nil), "v1", "ConfigMap"))
	w.make(cluster, "secrets", with(w.object("key", nil), "v1", "Secret"))
	w.make(cluster, "services", with(w.object("svc", map[string]any{
		"spec": map[string]any{"ports": []any{map[string]any{"port": int64(80)}}},
	}), "v1", "Service"))
	w.make(cluster, "networkpolicies", with(w.object("rules", map[string]any{
		"spec": map[string]any{"podSelector": map[string]any{}},
	}), "networking.k8s.io/v1", "NetworkPolicy"))

	w.becomes("good", "healthy")
	w.becomes("crash", "error")
	require.Contains(t, w.status("crash")["message"], "exit code 1")
	w.becomes("cm", "created")
	w.becomes("key", "created")
	w.becomes("svc", "healthy")
	require.NotEmpty(t, w.status("svc")["clusterIP"])
	require.Eventually(t, func() bool { return w.status("rules")["affectedPods"] == int64(4) }, watcherPatience, time.Millisecond)

	require.NoError(t, cluster.Client().CoreV1().ConfigMaps(w.in).Delete(t.Context(), "cm", metav1.DeleteOptions{}))
	w.becomes("cm", "error")
	w.make(cluster, "configmaps", with(w.object("cm", nil), "v1", "ConfigMap"))
	w.becomes("cm", "created")
}

func with(o map[string]any, apiVersion, kind string) map[string]any {
	o["apiVersion"], o["kind"] = apiVersion, kind
	return o
}

// The reason is stored within two seconds of the pod reporting it.
func TestWatcherTellsOfAFailingPullInTime(t *testing.T) {
	t.Parallel()
	w, cluster := watchOnDevCluster(t, [3]string{"web", "deployment", ""})
	defer w.Hold(w.wf.ID)()
	reports, err := cluster.Client().CoreV1().Pods(w.in).Watch(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	defer reports.Stop()
	w.make(cluster, "deployments", w.workload("web", "image-pull"))
	for e := range reports.ResultChan() {
		if pod, ok := e.Object.(*corev1.Pod); ok && pullFails(pod) {
			break
		}
	}
	reported := time.Now()
	w.becomes("web", "error")
	require.Equal(t, "ImagePullBackOff", w.status("web")["reason"])
	require.Less(t, time.Since(reported), 2*time.Second)
	w.told("web", "error")
}

func pullFails(p *corev1.Pod) bool {
	for _, c := range p.Status.ContainerStatuses {
		if c.State.Waiting != nil && c.State.Waiting.Reason == "ImagePullBackOff" {
			return true
		}
	}
	return false
}
