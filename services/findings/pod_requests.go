package findings

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/klog/v2"
)

// requested returns how much of a resource the scheduler reserves for a pod: what its
// containers request together, or the largest init container.
func requested(pod *corev1.Pod, name corev1.ResourceName) resource.Quantity {
	var sum resource.Quantity
	for _, c := range pod.Spec.Containers {
		sum.Add(c.Resources.Requests[name])
	}
	for _, c := range pod.Spec.InitContainers {
		if one := c.Resources.Requests[name]; one.Cmp(sum) > 0 {
			sum = one
		}
	}
	return sum
}

func tolerates(pod *corev1.Pod, taint *corev1.Taint) bool {
	return slices.ContainsFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool {
		return t.ToleratesTaint(klog.Logger{}, taint, true)
	})
}
