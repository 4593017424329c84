package applier

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// replaceFinished replaces a finished Job if the request asks for a rerun. A
// changed Job is replaced after the API server has refused the change; an
// unchanged one that still runs is left alone.
func replaceFinished(ctx context.Context, t *target, req Request) (bool, error) {
	if !req.Rerun {
		return false, nil
	}
	job, err := t.full.Get(ctx, t.ref.Name, metav1.GetOptions{})
	if kubernetes.ReasonOf(err) == kubernetes.NotFound {
		return false, nil
	}
	return err == nil && finished(job), err
}

func finished(job *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(job.Object, "status", "conditions")
	for _, c := range conditions {
		cond, _ := c.(map[string]any)
		if cond["status"] == "True" && (cond["type"] == "Complete" || cond["type"] == "Failed") {
			return true
		}
	}
	return false
}
