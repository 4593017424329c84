package watcher

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	admission "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// podMakers are the node types whose objects make pods, and where these are.
func podMakers() map[string]string {
	return map[string]string{
		"deployment": "deployments", "statefulset": "statefulsets", "daemonset": "daemonsets", "job": "jobs", "cronjob": "cronjobs",
	}
}

// withPods returns the object of a node of any type that makes pods; the
// containers have the given memory request, if any.
func (w *watched) withPods(nodeType, memory string) map[string]any {
	o := w.workload(nodeType, "")
	spec := o["spec"].(map[string]any)
	if memory != "" {
		pod := spec["template"].(map[string]any)["spec"].(map[string]any)
		pod["containers"].([]any)[0].(map[string]any)["resources"] = map[string]any{"requests": map[string]any{"memory": memory}}
	}
	template := spec["template"]
	job := map[string]any{"template": template}
	switch nodeType {
	case "statefulset":
		spec["serviceName"] = "db"
		return with(o, "apps/v1", "StatefulSet")
	case "daemonset":
		delete(spec, "replicas")
		return with(o, "apps/v1", "DaemonSet")
	case "job":
		o["spec"] = job
		o = with(o, "batch/v1", "Job")
	case "cronjob":
		o["spec"] = map[string]any{"schedule": "* * * * *", "suspend": true, "jobTemplate": map[string]any{"spec": job}}
		o = with(o, "batch/v1", "CronJob")
	default:
		return o
	}
	template.(map[string]any)["spec"].(map[string]any)["restartPolicy"] = "Never"
	return o
}

// makeAll makes an object of each type that makes pods. The CronJob, which is made
// suspended, has missed a run when it may begin, so that it makes a Job at once.
func (w *watched) makeAll(c *kubetest.Cluster, memory string) {
	w.t.Helper()
	for nodeType, plural := range podMakers() {
		w.make(c, plural, w.withPods(nodeType, memory))
	}
	cronJobs := c.Client().BatchV1().CronJobs(w.in)
	missed := metav1.NewTime(time.Now().Add(-90 * time.Second))
	kubetest.Eventually(w.t, "the missed run", func(ctx context.Context) error {
		made, err := cronJobs.Get(ctx, "cronjob", metav1.GetOptions{})
		if err != nil {
			return err
		}
		made.Status = batchv1.CronJobStatus{LastScheduleTime: &missed}
		if made, err = cronJobs.UpdateStatus(ctx, made, metav1.UpdateOptions{}); err != nil {
			return err
		}
		no := false
		made.Spec.Suspend = &no
		_, err = cronJobs.Update(ctx, made, metav1.UpdateOptions{})
		return err
	})
}

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

func refuseByQuota(t *testing.T, c *kubetest.Cluster, namespace string) (admit func()) {
	quotas := c.Client().CoreV1().ResourceQuotas(namespace)
	_, err := quotas.Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "none"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return func() { require.NoError(t, quotas.Delete(t.Context(), "none", metav1.DeleteOptions{})) }
}

func refuseByPodSecurity(t *testing.T, c *kubetest.Cluster, namespace string) (admit func()) {
	enforce := func(level string) {
		patch := fmt.Appendf(nil, `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":%q}}}`, level)
		_, err := c.Client().CoreV1().Namespaces().Patch(t.Context(), namespace, types.MergePatchType, patch, metav1.PatchOptions{})
		require.NoError(t, err)
	}
	enforce("restricted")
	return func() { enforce("privileged") }
}

// refuseByWebhook makes the cluster ask a webhook about the pods of a namespace.
func refuseByWebhook(t *testing.T, c *kubetest.Cluster, namespace string) (admit func()) {
	var admits atomic.Bool
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		_ = json.NewDecoder(r.Body).Decode(&review)
		review.Response = &admissionv1.AdmissionResponse{
			UID: review.Request.UID, Allowed: admits.Load(), Result: &metav1.Status{Message: "this image is not on the list"},
		}
		_ = json.NewEncoder(rw).Encode(review)
	}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	hooks, none := c.Client().AdmissionregistrationV1().ValidatingWebhookConfigurations(), admission.SideEffectClassNone
	_, err := hooks.Create(t.Context(), &admission.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Webhooks: []admission.ValidatingWebhook{{
			Name: "images.example.org", SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
			ClientConfig: admission.WebhookClientConfig{
				URL: &srv.URL, CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}),
			},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
			Rules: []admission.RuleWithOperations{{
				Operations: []admission.OperationType{admission.Create},
				Rule:       admission.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
		}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = hooks.Delete(context.WithoutCancel(t.Context()), namespace, metav1.DeleteOptions{}) })
	kubetest.Eventually(t, "the webhook", func(ctx context.Context) error {
		probe := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "probe"},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "nginx:1"}}},
		}
		_, err := c.Client().CoreV1().Pods(namespace).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil {
			return fmt.Errorf("it is not asked yet")
		}
		return nil
	})
	return func() { admits.Store(true) }
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
				"name": "cpu", "target": map[string]any{"type": "Utilization", "averageUtilization": int64(1000)},
			}},
			map[string]any{"type": "External", "external": map[string]any{
				"metric": map[string]any{"name": "queue"}, "target": map[string]any{"type": "Value", "value": "10"},
			}},
		},
	}}), "autoscaling/v2", "HorizontalPodAutoscaler"))
	w.says("scale", "FailedGetExternalMetric", "1 of 2 metrics")
	require.NotEqual(t, "error", w.status("scale")["state"])
}
