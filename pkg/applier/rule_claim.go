package applier

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubeorch/core/pkg/kubernetes"
)

const claimAdvice = "use another name for a new claim, or name the node in \"replace\" of the run, which deletes this one with its data"

// checkClaim refuses changes of a claim, other than growth, with a clearer text
// than the API server does.
func checkClaim(ctx context.Context, t *target, _ Request) (bool, error) {
	raw, err := t.full.Get(ctx, t.ref.Name, metav1.GetOptions{})
	if err != nil {
		if kubernetes.ReasonOf(err) == kubernetes.NotFound {
			return false, nil
		}
		return false, err
	}
	var have, want corev1.PersistentVolumeClaim
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, &have); err != nil {
		return false, err
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(t.object.Object, &want); err != nil {
		return false, nil //nolint:nilerr // the API server tells what is wrong with it
	}
	return false, compareClaims(t.ref, &have, &want)
}

func compareClaims(ref Ref, have, want *corev1.PersistentVolumeClaim) error {
	const advice = "; " + claimAdvice
	was, now := have.Spec.Resources.Requests.Storage(), want.Spec.Resources.Requests.Storage()
	if c := now.Cmp(*was); !now.IsZero() && c < 0 {
		return invalidf(ref, "holds %s and cannot shrink to %s"+advice, was, now)
	} else if c > 0 && have.Status.Phase != corev1.ClaimBound {
		return invalidf(ref, "cannot grow from %s to %s before it is bound to a volume", was, now)
	}
	if w := want.Spec.StorageClassName; w != nil && have.Spec.StorageClassName != nil && *w != *have.Spec.StorageClassName {
		return invalidf(ref, "has the storage class %q, which cannot be changed to %q"+advice, *have.Spec.StorageClassName, *w)
	}
	if w := want.Spec.AccessModes; len(w) > 0 && !slices.Equal(w, have.Spec.AccessModes) {
		return invalidf(ref, "has the access modes %v, which cannot be changed to %v"+advice, have.Spec.AccessModes, w)
	}
	return nil
}
