package kubetest_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// busy is the template of a pod that requests 100m of CPU and uses cpu, or
// the default when that is empty.
func busy(cpu string) corev1.PodTemplateSpec {
	pods := template("")
	pods.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}
	if cpu != "" {
		pods.Annotations["devcluster.kubeorch.io/cpu"] = cpu
	}
	return pods
}

// autoscale keeps the CPU of deployment web at 80 % with 2 to 5 pods.
func autoscale(t *testing.T, c *kubetest.Cluster, namespace string) {
	t.Helper()
	least, target := int32(2), int32(80)
	_, err := c.Client().AutoscalingV2().HorizontalPodAutoscalers(namespace).Create(t.Context(), &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
			MinReplicas:    &least,
			MaxReplicas:    5,
			Metrics: []autoscalingv2.MetricSpec{{
				Type: autoscalingv2.ResourceMetricSourceType,
				Resource: &autoscalingv2.ResourceMetricSource{
					Name:   corev1.ResourceCPU,
					Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &target},
				},
			}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func TestAutoscalersReadTheUsageThatPodsDeclare(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	tests := map[string]struct {
		cpu         string
		utilization int32
		replicas    int32
	}{
		"default": {cpu: "", utilization: 50, replicas: 2},
		"target":  {cpu: "80m", utilization: 80, replicas: 2},
		"above":   {cpu: "400m", utilization: 400, replicas: 5},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := c.Namespace(t)
			deploy(t, c, namespace, busy(want.cpu), 2)
			autoscale(t, c, namespace)
			kubetest.Eventually(t, "an active autoscaler", func(ctx context.Context) error {
				hpa, err := c.Client().AutoscalingV2().HorizontalPodAutoscalers(namespace).Get(ctx, "web", metav1.GetOptions{})
				if err != nil {
					return err
				}
				return scaling(hpa.Status, want.utilization, want.replicas)
			})
		})
	}
}

// scaling returns an error unless the autoscaler is active, has read utilization
// and wants replicas.
func scaling(status autoscalingv2.HorizontalPodAutoscalerStatus, utilization, replicas int32) error {
	active := false
	for _, condition := range status.Conditions {
		active = active || condition.Type == autoscalingv2.ScalingActive && condition.Status == corev1.ConditionTrue
	}
	if !active || len(status.CurrentMetrics) != 1 || status.DesiredReplicas != replicas {
		return fmt.Errorf("status is %v", status)
	}
	read := status.CurrentMetrics[0].Resource
	if read == nil || read.Current.AverageUtilization == nil || *read.Current.AverageUtilization != utilization {
		return fmt.Errorf("metrics are %v", status.CurrentMetrics)
	}
	return nil
}

// podMetrics is the part of a PodMetricsList that the tests read.
type podMetrics struct {
	Items []struct {
		Metadata   metav1.ObjectMeta
		Containers []struct {
			Name  string
			Usage corev1.ResourceList
		}
	}
}

func readPodMetrics(ctx context.Context, c *kubetest.Cluster, namespace, selector string) (podMetrics, error) {
	var list podMetrics
	data, err := c.Client().CoreV1().RESTClient().Get().
		AbsPath("/apis/metrics.k8s.io/v1beta1/namespaces", namespace, "pods").
		Param("labelSelector", selector).Do(ctx).Raw()
	if err != nil {
		return list, err
	}
	return list, json.Unmarshal(data, &list)
}

func TestOnlyRunningPodsWithFiguresHaveMetrics(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	tests := map[string]struct {
		pods     corev1.PodTemplateSpec
		selector string
		want     int
	}{
		"running":      {pods: busy("30m"), want: 1},
		"selected":     {pods: busy("30m"), selector: "app=web", want: 1},
		"not selected": {pods: busy("30m"), selector: "app=other", want: 0},
		"no quantity":  {pods: busy("much"), want: 0},
		"crashing":     {pods: template("crash-loop"), want: 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := c.Namespace(t)
			deploy(t, c, namespace, test.pods, 1)
			kubetest.Eventually(t, "a started pod", func(ctx context.Context) error {
				pod, err := onlyPod(ctx, c, namespace)
				if err == nil && len(pod.Status.ContainerStatuses) == 0 {
					err = fmt.Errorf("status is %v", pod.Status)
				}
				return err
			})
			awaitControl(t, c, namespace)
			kubetest.Eventually(t, "the metrics", func(ctx context.Context) error {
				list, err := readPodMetrics(ctx, c, namespace, cmp.Or(test.selector, "app!=control"))
				if err == nil && len(list.Items) != test.want {
					err = fmt.Errorf("metrics are %v", list)
				}
				return err
			})
		})
	}
}

// awaitControl creates a further pod and waits for its metrics, by which time the
// metrics of earlier pods are up to date.
func awaitControl(t *testing.T, c *kubetest.Cluster, namespace string) {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "control"}, Spec: template("").Spec}
	pod.Labels = map[string]string{"app": "control"}
	pod.Annotations = map[string]string{"devcluster.kubeorch.io/cpu": "7m", "devcluster.kubeorch.io/memory": "20Mi"}
	_, err := c.Client().CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	require.NoError(t, err)
	kubetest.Eventually(t, "the metrics of the control", func(ctx context.Context) error {
		list, err := readPodMetrics(ctx, c, namespace, "app=control")
		if err != nil {
			return err
		}
		if len(list.Items) != 1 || len(list.Items[0].Containers) != 1 {
			return fmt.Errorf("metrics are %v", list)
		}
		used := list.Items[0].Containers[0].Usage
		if used.Cpu().String() != "7m" || used.Memory().String() != "20Mi" {
			return fmt.Errorf("usage is %v", used)
		}
		return nil
	})
}

func TestMetricsAreForTheAPIServerOnly(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	var ports struct{ Metrics int }
	data, err := os.ReadFile(filepath.Join(c.Dir(), "ports.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &ports))
	admin, err := tls.X509KeyPair(c.ClientCert(), c.ClientKey())
	require.NoError(t, err)
	trust := x509.NewCertPool()
	require.True(t, trust.AppendCertsFromPEM(c.CA()))

	for name, certificates := range map[string][]tls.Certificate{"anonymous": nil, "administrator": {admin}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust, Certificates: certificates}}
			defer transport.CloseIdleConnections()
			url := fmt.Sprintf("https://127.0.0.1:%d/apis/metrics.k8s.io/v1beta1/pods", ports.Metrics)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
			require.NoError(t, err)
			response, err := transport.RoundTrip(request)
			if err == nil {
				_ = response.Body.Close()
			}
			require.ErrorContains(t, err, "tls: ")
		})
	}
}

func TestAPIServerOffersMetricsAsKnownResources(t *testing.T) {
	t.Parallel()
	resources, err := shared.Cluster(t).Client().Discovery().ServerResourcesForGroupVersion("metrics.k8s.io/v1beta1")
	require.NoError(t, err)
	kinds := make(map[string]bool)
	for _, r := range resources.APIResources {
		kinds[r.Kind] = r.Namespaced
	}
	require.Equal(t, map[string]bool{"NodeMetrics": false, "PodMetrics": true}, kinds)
}
