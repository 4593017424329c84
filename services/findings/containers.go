package findings

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
)

// container is one container of one pod.
type container struct {
	pod    *corev1.Pod
	spec   corev1.Container
	status corev1.ContainerStatus // zero while the cluster has not told any
}

// containers returns those of the pods that are not being deleted, init containers
// first. What pods of a Job that succeeded went through is over.
func (f Facts) containers() []container {
	var all []container
	if f.Job != nil && f.Job.Status.CompletionTime != nil {
		return nil
	}
	for i := range f.Pods {
		pod := &f.Pods[i]
		if pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded {
			continue
		}
		statuses := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
		for _, spec := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			c := container{pod: pod, spec: spec}
			for _, s := range statuses {
				if s.Name == spec.Name {
					c.status = s
				}
			}
			all = append(all, c)
		}
	}
	return all
}

// eachContainer returns what look finds. What several pods have in the same container is
// one finding, about the first of them.
func (f Facts) eachContainer(look func(c container) (Finding, bool)) []Finding {
	var all sameTroubles
	for _, c := range f.containers() {
		if one, ok := look(c); ok {
			all.add(f, c.pod, c.spec.Name, one)
		}
	}
	return all.findings()
}

// eachPod is eachContainer for what pods have as a whole.
func (f Facts) eachPod(look func(pod *corev1.Pod) (Finding, bool)) []Finding {
	var all sameTroubles
	for i := range f.Pods {
		pod := &f.Pods[i]
		if pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded {
			continue
		}
		if one, ok := look(pod); ok {
			all.add(f, pod, "", one)
		}
	}
	return all.findings()
}

// sameTroubles are findings, each with the number of pods that have it.
type sameTroubles struct {
	found []Finding
	pods  []int
	index map[[2]string]int // by container and message
}

func (s *sameTroubles) add(f Facts, pod *corev1.Pod, container string, one Finding) {
	key := [2]string{container, one.Message}
	if i, known := s.index[key]; known {
		s.pods[i]++
		return
	}
	if s.index == nil {
		s.index = map[[2]string]int{}
	}
	s.index[key] = len(s.found)
	one.Object, one.Parent = podName(pod), f.parent()
	s.found, s.pods = append(s.found, one), append(s.pods, 1)
}

func (s *sameTroubles) findings() []Finding {
	for i, n := range s.pods {
		if n > 1 {
			s.found[i].Message += fmt.Sprintf("; so it is in %d pods", n)
		}
	}
	return s.found
}

func podName(pod *corev1.Pod) models.ObjectName {
	return models.ObjectName{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name}
}

// parent names the object that made the pods, or nil where the node's object only
// selects them.
func (f Facts) parent() *models.ObjectName {
	if !f.isWorkload() {
		return nil
	}
	return &f.Object
}

// isReady reports whether a pod serves.
func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// allWell is what a check of pods says when it finds nothing.
func (f Facts) allWell(text string) string {
	if !f.knows(PartPods) || len(f.Pods) == 0 {
		return ""
	}
	return text
}
