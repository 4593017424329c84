package applier

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// replaceHeadless replaces a Service that becomes headless, which the API
// server refuses to change, or is headless no longer, which it silently ignores.
// Only the cluster address is lost. A Service of type LoadBalancer is never
// replaced, since its external address would be lost.
func replaceHeadless(ctx context.Context, t *target, _ Request) (bool, error) {
	have, err := t.full.Get(ctx, t.ref.Name, metav1.GetOptions{})
	if err != nil {
		if kubernetes.ReasonOf(err) == kubernetes.NotFound {
			return false, nil
		}
		return false, err
	}
	was, _ := address(have)
	is, typ := address(t.object)
	if oldType, _, _ := unstructured.NestedString(have.Object, "spec", "type"); oldType == string(corev1.ServiceTypeLoadBalancer) {
		return false, nil
	}
	if typ == string(corev1.ServiceTypeExternalName) || was == "" {
		return false, nil
	}
	return (was == corev1.ClusterIPNone) != (is == corev1.ClusterIPNone), nil
}

func address(o *unstructured.Unstructured) (clusterIP, typ string) {
	clusterIP, _, _ = unstructured.NestedString(o.Object, "spec", "clusterIP")
	typ, _, _ = unstructured.NestedString(o.Object, "spec", "type")
	return clusterIP, typ
}
