package kubetest_test

import (
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/connrotation"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

func TestEveryWayToLogIn(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	tests := map[string]rest.Config{
		"certificate":     {TLSClientConfig: rest.TLSClientConfig{CertData: c.ClientCert(), KeyData: c.ClientKey()}},
		"token":           {BearerToken: c.Token()},
		"service account": {BearerToken: c.SAToken()},
	}
	for name, config := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config.Host, config.CAData = c.Server(), c.CA()
			dialer := connrotation.NewDialer((&net.Dialer{}).DialContext)
			defer dialer.CloseAll() // a connection is not idle yet when its last answer has been read
			config.Dial = dialer.DialContext
			httpClient, err := rest.HTTPClientFor(&config)
			require.NoError(t, err)
			client, err := kubernetes.NewForConfigAndClient(&config, httpClient)
			require.NoError(t, err)
			_, err = client.CoreV1().Secrets(metav1.NamespaceSystem).List(t.Context(), metav1.ListOptions{Limit: 1})
			require.NoError(t, err)
		})
	}
}

func TestClaimsAreBoundAndGrow(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	claims := c.Client().CoreV1().PersistentVolumeClaims(c.Namespace(t))
	_, err := claims.Create(t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "data"},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: storage("1Gi")},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	has := func(size string) func(context.Context) error {
		return func(ctx context.Context) error {
			claim, err := claims.Get(ctx, "data", metav1.GetOptions{})
			if err != nil {
				return err
			}
			if claim.Status.Phase != corev1.ClaimBound || !claim.Status.Capacity.Storage().Equal(resource.MustParse(size)) {
				return fmt.Errorf("status is %v", claim.Status)
			}
			return nil
		}
	}
	kubetest.Eventually(t, "a volume", has("1Gi"))
	// A patch, since the controllers may still be writing to the claim.
	larger := []byte(`{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}`)
	_, err = claims.Patch(t.Context(), "data", types.MergePatchType, larger, metav1.PatchOptions{})
	require.NoError(t, err)
	kubetest.Eventually(t, "a larger volume", has("2Gi"))
}

func storage(size string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}
}

func TestLoadBalancersGetAnAddressOnRequest(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	services := c.Client().CoreV1().Services(c.Namespace(t))
	create := func(name, wanted string) {
		_, err := services.Create(t.Context(), &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{"devcluster.kubeorch.io/load-balancer": wanted}},
			Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	create("pending", "false")
	create("reachable", "true")
	kubetest.Eventually(t, "an address", func(ctx context.Context) error {
		service, err := services.Get(ctx, "reachable", metav1.GetOptions{})
		if err == nil && len(service.Status.LoadBalancer.Ingress) == 0 {
			err = fmt.Errorf("no address")
		}
		return err
	})
	service, err := services.Get(t.Context(), "pending", metav1.GetOptions{})
	require.NoError(t, err)
	require.Empty(t, service.Status.LoadBalancer.Ingress)
}

func TestIngressesGetAnAddressOnRequest(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	ingresses := c.Client().NetworkingV1().Ingresses(c.Namespace(t))
	_, err := ingresses.Create(t.Context(), &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Annotations: map[string]string{"devcluster.kubeorch.io/ingress": "true"}},
		Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{
			Service: &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}},
		}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	kubetest.Eventually(t, "an address", func(ctx context.Context) error {
		ingress, err := ingresses.Get(ctx, "web", metav1.GetOptions{})
		if err == nil && len(ingress.Status.LoadBalancer.Ingress) == 0 {
			err = fmt.Errorf("no address")
		}
		return err
	})
}

func TestGreetingsAreDelivered(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	greetings := c.Dynamic().Resource(schema.GroupVersionResource{Group: "example.kubeorch.io", Version: "v1", Resource: "greetings"}).Namespace(c.Namespace(t))
	greeting := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "example.kubeorch.io/v1", "kind": "Greeting",
		"metadata": map[string]any{"name": "hello"},
		"spec":     map[string]any{"message": "hello"},
	}}
	_, err := greetings.Create(t.Context(), greeting, metav1.CreateOptions{})
	require.NoError(t, err)
	observed := func(want int64) func(context.Context) error {
		return func(ctx context.Context) (err error) {
			if greeting, err = greetings.Get(ctx, "hello", metav1.GetOptions{}); err != nil {
				return err
			}
			if got, _, _ := unstructured.NestedInt64(greeting.Object, "status", "observedGeneration"); got != want {
				return fmt.Errorf("generation %d is delivered", got)
			}
			return nil
		}
	}
	kubetest.Eventually(t, "the greeting", observed(1))
	require.NoError(t, unstructured.SetNestedField(greeting.Object, "goodbye", "spec", "message"))
	_, err = greetings.Update(t.Context(), greeting, metav1.UpdateOptions{})
	require.NoError(t, err)
	kubetest.Eventually(t, "the second greeting", observed(2))
}
