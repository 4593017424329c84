package findings

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
)

// statefulSetStuck finds StatefulSets that wait for a pod of a broken revision. Such a
// pod is not replaced by the controller, also when the template is right again.
func statefulSetStuck() Rule {
	return Rule{Check: "rollout", Types: []string{"statefulset"}, Look: func(f Facts) (string, []Finding) {
		s := f.StatefulSet
		if s == nil || s.Status.ObservedGeneration < s.Generation || s.Status.UpdateRevision == "" {
			return "", nil
		}
		found := f.eachPod(func(pod *corev1.Pod) (Finding, bool) {
			revision := pod.Labels[appsv1.StatefulSetRevisionLabel]
			switch {
			case revision == s.Status.UpdateRevision || revision == "":
				return Finding{}, false
			case s.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType:
				return Finding{
					Message: "pods of an earlier revision stay until somebody deletes them: the update strategy is OnDelete", Severity: models.DiagnosisWarning,
					Suggestion: "delete the pod, or use the strategy RollingUpdate",
				}, true
			case isReady(pod) || s.Spec.PodManagementPolicy == appsv1.ParallelPodManagement:
				return Finding{}, false
			}
			return Finding{
				Message: "the rollout is stuck: it waits for a pod of an earlier revision that does not become ready, " +
					"and the cluster does not replace that pod by itself",
				Suggestion: fmt.Sprintf("delete pod %s; it comes again with the present settings, and its claims stay", pod.Name),
				Evidence: statusEvidence(fmt.Sprintf("pod %s is of revision %s, and wanted is %s", pod.Name, revision, s.Status.UpdateRevision),
					fmt.Sprintf("%d of %d pods have the wanted revision", s.Status.UpdatedReplicas, s.Status.Replicas)),
			}, true
		})
		return f.allWell("no pod of an earlier revision stands in the way"), found
	}}
}
