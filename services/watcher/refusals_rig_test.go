package watcher

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	admission "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
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
