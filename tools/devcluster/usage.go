package main

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// usageAnnotation and the name of a resource form the annotation with the usage of
// each container of a pod.
const usageAnnotation = "devcluster.kubeorch.io/"

// usageWindow is the window in answers, over which usage is averaged.
const usageWindow = 10 * time.Second

func nodeMetrics(node *corev1.Node, used corev1.ResourceList) metricsv1beta1.NodeMetrics {
	if used == nil {
		used = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("0"), corev1.ResourceMemory: resource.MustParse("0")}
	}
	return metricsv1beta1.NodeMetrics{
		TypeMeta:   metricsType("NodeMetrics"),
		ObjectMeta: metav1.ObjectMeta{Name: node.Name, Labels: node.Labels, CreationTimestamp: metav1.Now()},
		Timestamp:  metav1.Now(),
		Window:     metav1.Duration{Duration: usageWindow},
		Usage:      used,
	}
}

// podMetrics returns false for a pod without metrics: it is not running, or an
// annotation is not a quantity.
func podMetrics(pod *corev1.Pod) (metricsv1beta1.PodMetrics, bool) {
	stopped := func(s corev1.ContainerStatus) bool { return s.State.Running == nil }
	if pod.Status.Phase != corev1.PodRunning || slices.ContainsFunc(pod.Status.ContainerStatuses, stopped) {
		return metricsv1beta1.PodMetrics{}, false
	}
	metrics := metricsv1beta1.PodMetrics{
		TypeMeta:   metricsType("PodMetrics"),
		ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, Labels: pod.Labels, CreationTimestamp: metav1.Now()},
		Timestamp:  metav1.Now(),
		Window:     metav1.Duration{Duration: usageWindow},
	}
	for _, container := range pod.Spec.Containers {
		used := make(corev1.ResourceList)
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			quantity, err := usageOf(pod, container, name)
			if err != nil {
				return metricsv1beta1.PodMetrics{}, false
			}
			used[name] = quantity
		}
		metrics.Containers = append(metrics.Containers, metricsv1beta1.ContainerMetrics{Name: container.Name, Usage: used})
	}
	return metrics, true
}

// usageOf is the value of the annotation, else half of the container's request, else
// a small value. Half is below the usual target of autoscalers, but not low enough
// for fewer than two pods.
func usageOf(pod *corev1.Pod, container corev1.Container, name corev1.ResourceName) (resource.Quantity, error) {
	if text, ok := pod.Annotations[usageAnnotation+string(name)]; ok {
		return resource.ParseQuantity(text)
	}
	requested, ok := container.Resources.Requests[name]
	switch {
	case ok && name == corev1.ResourceCPU:
		return *resource.NewMilliQuantity(requested.MilliValue()/2, resource.DecimalSI), nil
	case ok:
		return *resource.NewQuantity(requested.Value()/2, resource.BinarySI), nil
	case name == corev1.ResourceCPU:
		return resource.MustParse("1m"), nil
	default:
		return resource.MustParse("10Mi"), nil
	}
}

func metricsType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{Kind: kind, APIVersion: metricsv1beta1.SchemeGroupVersion.String()}
}

// slimPod returns pod with only the fields that its usage depends on.
func slimPod(obj any) (any, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	slim := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: pod.Name, Namespace: pod.Namespace, ResourceVersion: pod.ResourceVersion,
			Labels: pod.Labels, Annotations: pod.Annotations,
		},
		Spec:   corev1.PodSpec{NodeName: pod.Spec.NodeName},
		Status: corev1.PodStatus{Phase: pod.Status.Phase},
	}
	for _, c := range pod.Spec.Containers {
		slim.Spec.Containers = append(slim.Spec.Containers, corev1.Container{
			Name: c.Name, Resources: corev1.ResourceRequirements{Requests: c.Resources.Requests},
		})
	}
	for _, s := range pod.Status.ContainerStatuses {
		slim.Status.ContainerStatuses = append(slim.Status.ContainerStatuses, corev1.ContainerStatus{Name: s.Name, State: s.State})
	}
	return slim, nil
}
