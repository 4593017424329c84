package inventory

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// TestKindsOfACluster reads every kind from a real cluster, in the way that Builtin
// says, after an object of each was made there.
func TestKindsOfACluster(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	connector := kubernetes.NewConnector(kubernetes.Options{})
	t.Cleanup(connector.Close)
	conn, err := connector.Open(kubernetes.Config{AuthType: kubernetes.AuthKubeconfig, Kubeconfig: string(cluster.Kubeconfig())})
	require.NoError(t, err)
	t.Cleanup(func() { connector.Discard(conn) })
	makeObjects(t, cluster, namespace)
	makeObject(t, cluster, namespace, decode(t, `{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token,
		metadata: {name: token, annotations: {kubernetes.io/service-account.name: default}}}`))

	for _, k := range Builtin() {
		t.Run(k.Kind, func(t *testing.T) {
			t.Parallel()
			kinds, err := cluster.Client().Discovery().ServerResourcesForGroupVersion(k.GroupVersion().String())
			require.NoError(t, err)
			at := slices.IndexFunc(kinds.APIResources, func(r metav1.APIResource) bool { return r.Name == k.Resource })
			require.Positive(t, at+1, "the cluster serves it")
			require.Equal(t, k.Kind, kinds.APIResources[at].Kind)
			require.Equal(t, k.Namespaced, kinds.APIResources[at].Namespaced)

			found := map[string]models.ResourceState{}
			for _, o := range listed(t, conn, k) {
				s := k.Extract(o)
				requireStorable(t, s)
				require.NotEmpty(t, s.UID)
				require.NotEmpty(t, s.ResourceVersion)
				require.False(t, s.CreatedAt.IsZero())
				if o.GetNamespace() == namespace || !k.Namespaced {
					found[o.GetName()] = s
				}
			}
			require.NotEmpty(t, found)
			require.NotContains(t, found, "token", "tokens of service accounts are not read")
		})
	}
}

// TestPodsOfACluster: a pod that crashes in a real cluster leads to its Deployment and
// says why.
func TestPodsOfACluster(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	makeObject(t, cluster, namespace, decode(t, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web-1}, spec: {
		selector: {matchLabels: {app: web}}, template: {
			metadata: {labels: {app: web}, annotations: {devcluster.kubeorch.io/fail: crash-loop}},
			spec: {containers: [{name: web, image: "nginx:1"}]}}}}`))
	pod := Builtin()[slices.IndexFunc(Builtin(), func(k Kind) bool { return k.Kind == "Pod" })]
	require.Eventually(t, func() bool {
		list, err := cluster.Dynamic().Resource(pod.GroupVersionResource).Namespace(namespace).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		for i := range list.Items {
			s := pod.Extract(&list.Items[i])
			c := object(s.Spec).objects("containers")
			if s.Parent == "Deployment/web-1" && s.Status == models.ResourceRunning && len(s.Message) > 20 &&
				s.Message[:17] == "CrashLoopBackOff:" && c[0].count("restartCount") > 0 && c[0].text("lastState") == "terminated" {
				return true
			}
		}
		return false
	}, 30*time.Second, 50*time.Millisecond)
}

// listed returns the objects of a kind as Kind says how to read them.
func listed(t *testing.T, conn *kubernetes.Connection, k Kind) (objects []metav1.Object) {
	t.Helper()
	var list runtime.Object
	var err error
	options := metav1.ListOptions{FieldSelector: k.Fields}
	if k.Metadata {
		list, err = conn.Metadata().Resource(k.GroupVersionResource).List(t.Context(), options)
	} else {
		list, err = conn.Dynamic().Resource(k.GroupVersionResource).List(t.Context(), options)
	}
	require.NoError(t, err)
	require.NoError(t, meta.EachListItem(list, func(o runtime.Object) error {
		objects = append(objects, o.(metav1.Object))
		return nil
	}))
	return objects
}

// makeObjects makes the namespaced objects of testdata in a namespace.
func makeObjects(t *testing.T, cluster *kubetest.Cluster, namespace string) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		u := decode(t, string(text))
		if slices.ContainsFunc(Builtin(), func(k Kind) bool { return k.Kind == u.GetKind() && k.Namespaced }) {
			makeObject(t, cluster, namespace, u)
		}
	}
}

// makeObject makes an object in a namespace, without what a cluster adds itself.
func makeObject(t *testing.T, cluster *kubetest.Cluster, namespace string, u *unstructured.Unstructured) {
	t.Helper()
	k := kindOf(u)
	u.Object["metadata"] = map[string]any{
		"name": u.GetName(), "namespace": namespace, "labels": u.Object["metadata"].(map[string]any)["labels"],
		"annotations": u.Object["metadata"].(map[string]any)["annotations"],
	}
	switch k.Kind {
	case "Service":
		u.Object["spec"] = map[string]any{"ports": []any{map[string]any{"port": int64(80)}}}
	case "Job":
		unstructured.RemoveNestedField(u.Object, "spec", "selector")
		unstructured.RemoveNestedField(u.Object, "spec", "template", "metadata")
	case "PersistentVolumeClaim":
		unstructured.RemoveNestedField(u.Object, "spec", "volumeName")
	}
	_, err := cluster.Dynamic().Resource(k.GroupVersionResource).Namespace(namespace).Create(t.Context(), u, metav1.CreateOptions{})
	require.NoError(t, err)
}
