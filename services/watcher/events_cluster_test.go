package watcher

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

func (w *watched) says(node, reason, words string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		s := w.status(node)
		return s["reason"] == reason && strings.Contains(fmt.Sprint(s["message"]), words)
	}, watcherPatience, time.Millisecond, "%s should tell of %s and %q", node, reason, words)
}

// saysNothing waits until the status of a node has no reason.
func (w *watched) saysNothing(node string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.status(node)["reason"] == nil }, watcherPatience, time.Millisecond,
		"%s should have no reason", node)
}

// A quota, a webhook and the pod security of the namespace keep each kind from
// making pods. Once they do not, the reason goes.
func TestWatcherTellsWhyNoPodIsMade(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		refuse func(t *testing.T, c *kubetest.Cluster, namespace string) (admit func())
		words  string
	}{
		"a quota":      {refuseByQuota, "quota"},
		"a webhook":    {refuseByWebhook, "images.example.org"},
		"pod security": {refuseByPodSecurity, "PodSecurity"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, cluster := watchOnDevCluster(t, [3]string{"deployment", "deployment", ""}, [3]string{"statefulset", "statefulset", ""},
				[3]string{"daemonset", "daemonset", ""}, [3]string{"job", "job", ""}, [3]string{"cronjob", "cronjob", ""})
			defer w.Hold(w.wf.ID)()
			admit := tc.refuse(t, cluster, w.in)
			w.makeAll(cluster, "")
			for node := range podMakers() {
				w.says(node, "FailedCreate", tc.words)
			}
			admit()
			w.becomes("deployment", "healthy")
			w.becomes("statefulset", "healthy")
			w.becomes("daemonset", "healthy")
			w.becomes("job", "completed")
			for node := range podMakers() {
				w.saysNothing(node)
			}
		})
	}
}

func TestWatcherTellsThatNoNodeTakesThePods(t *testing.T) {
	t.Parallel()
	w, cluster := watchOnDevCluster(t, [3]string{"deployment", "deployment", ""}, [3]string{"statefulset", "statefulset", ""},
		[3]string{"daemonset", "daemonset", ""}, [3]string{"job", "job", ""}, [3]string{"cronjob", "cronjob", ""})
	defer w.Hold(w.wf.ID)()
	w.makeAll(cluster, "900Ti")
	for node := range podMakers() {
		w.says(node, "Unschedulable", "Insufficient memory")
	}
}

// A quota forbids the ReplicaSet of a new version; the controller then does not
// even take note of the change.
func TestWatcherTellsThatAReplicaSetIsRefused(t *testing.T) {
	t.Parallel()
	w, cluster := watchOnDevCluster(t, [3]string{"web", "deployment", ""})
	defer w.Hold(w.wf.ID)()
	quotas := cluster.Client().CoreV1().ResourceQuotas(w.in)
	_, err := quotas.Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "sets"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/replicasets.apps": resource.MustParse("0")}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	w.make(cluster, "deployments", w.workload("web", ""))
	w.says("web", "FailedCreate", "quota")
	w.becomes("web", "error")
	require.NoError(t, quotas.Delete(t.Context(), "sets", metav1.DeleteOptions{}))
	w.becomes("web", "healthy")
	w.saysNothing("web")
}

// What a kubelet reports of a pod is not true of the pod that replaces it under the
// same name, nor of a pod that runs.
func TestWatcherForgetsWhatIsOvercome(t *testing.T) {
	t.Parallel()
	w, cluster := watchOnDevCluster(t, [3]string{"db", "statefulset", ""})
	defer w.Hold(w.wf.ID)()
	db := with(w.workload("db", "pending"), "apps/v1", "StatefulSet")
	db["spec"].(map[string]any)["serviceName"] = "db"
	db["spec"].(map[string]any)["replicas"] = int64(1)
	w.make(cluster, "statefulsets", db)
	pods := cluster.Client().CoreV1().Pods(w.in)
	creating := func(not types.UID) (pod *corev1.Pod) {
		kubetest.Eventually(t, "a pod that waits", func(ctx context.Context) (err error) {
			if pod, err = pods.Get(ctx, "db-0", metav1.GetOptions{}); err != nil {
				return err
			}
			if pod.UID == not || len(pod.Status.ContainerStatuses) == 0 {
				return fmt.Errorf("it is %v", pod.Status)
			}
			return nil
		})
		return pod
	}
	failMount := func(pod *corev1.Pod) {
		now := metav1.Now()
		_, err := cluster.Client().CoreV1().Events(w.in).Create(t.Context(), &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{GenerateName: "db-0."},
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: w.in, Name: pod.Name, UID: pod.UID, APIVersion: "v1"},
			Reason:         "FailedMount", Message: `secret "key" not found`, Type: corev1.EventTypeWarning, Count: 5, LastTimestamp: now,
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		w.says("db", "FailedMount", `secret "key" not found`)
		w.becomes("db", "error")
	}
	first := creating("")
	failMount(first)
	require.NoError(t, pods.Delete(t.Context(), "db-0", metav1.DeleteOptions{}))
	second := creating(first.UID)
	w.saysNothing("db")
	w.becomes("db", "partial")

	failMount(second)
	patch := []byte(`{"metadata":{"annotations":{"devcluster.kubeorch.io/fail":null}}}`)
	_, err := pods.Patch(t.Context(), "db-0", types.MergePatchType, patch, metav1.PatchOptions{})
	require.NoError(t, err)
	w.saysNothing("db")
}

// The reason for which a claim has no volume goes with the volume.
func TestWatcherTellsOfAClaimUntilItIsBound(t *testing.T) {
	t.Parallel()
	w, cluster := watchOnDevCluster(t, [3]string{"disk", "persistentvolumeclaim", ""})
	defer w.Hold(w.wf.ID)()
	w.make(cluster, "persistentvolumeclaims", with(w.object("disk", map[string]any{"spec": map[string]any{
		"storageClassName": w.in, "accessModes": []any{"ReadWriteOnce"},
		"resources": map[string]any{"requests": map[string]any{"storage": "1Gi"}},
	}}), "v1", "PersistentVolumeClaim"))
	w.says("disk", "ProvisioningFailed", w.in)
	classes, at := cluster.Client().StorageV1().StorageClasses(), storagev1.VolumeBindingImmediate
	_, err := classes.Create(t.Context(), &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: w.in}, Provisioner: "devcluster.kubeorch.io/hostpath", VolumeBindingMode: &at,
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = classes.Delete(context.WithoutCancel(t.Context()), w.in, metav1.DeleteOptions{}) })
	w.becomes("disk", "Bound")
	w.saysNothing("disk")
}

// An autoscaler that knows one of its metrics works by that one. Only an event
// tells why the other one is missing.
func TestWatcherTellsOfAMetricThatIsMissing(t *testing.T) {
	t.Parallel()
	w, cluster := watchOnDevCluster(t, [3]string{"web", "deployment", ""}, [3]string{"scale", "hpa", ""})
	defer w.Hold(w.wf.ID)()
	web := w.workload("web", "")
	pod := web["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
	pod["containers"].([]any)[0].(map[string]any)["resources"] = map[string]any{"requests": map[string]any{"cpu": "10m"}}
	w.make(cluster, "deployments", web)
	w.becomes("web", "healthy")
	w.make(cluster, "horizontalpodautoscalers", with(w.object("scale", map[string]any{"spec": map[string]any{
		"scaleTargetRef": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
		"minReplicas":    int64(2), "maxReplicas": int64(3),
		"metrics": []any{
			map[string]any{"type": "Resource", "resource": map[string]any{
				"name": "cpu", "target": map[string]any{"type": "Utilization", "averageUtilization": int64(1)},
			}},
			map[string]any{"type": "External", "external": map[string]any{
				"metric": map[string]any{"name": "queue"}, "target": map[string]any{"type": "Value", "value": "10"},
			}},
		},
	}}), "autoscaling/v2", "HorizontalPodAutoscaler"))
	w.says("scale", "FailedGetExternalMetric", "1 of 2 metrics")
	require.NotEqual(t, "error", w.status("scale")["state"])
}
