package podlog

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// containersOf returns the names of all containers of a pod: those that run first,
// then those that initialise it, then those for debugging.
func containersOf(pod *corev1.Pod) []string {
	var names []string
	for _, c := range pod.Spec.Containers {
		names = append(names, c.Name)
	}
	for _, c := range pod.Spec.InitContainers {
		names = append(names, c.Name)
	}
	for _, c := range pod.Spec.EphemeralContainers {
		names = append(names, c.Name)
	}
	return names
}

// containerState is how a container is doing, as far as its log goes.
type containerState struct {
	pod      types.UID
	running  bool
	waiting  string    // why it has no log yet; empty if it has one
	final    bool      // it will print nothing more
	restarts int32     // instances before this one
	previous bool      // the instance before this one has left its log
	prevEnd  time.Time // when that one ended
}

// stateOf returns the state of a container of pod.
func stateOf(pod *corev1.Pod, container string) containerState {
	s := containerState{pod: pod.UID, final: pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed}
	status, known := statusOf(pod, container)
	if !known {
		s.waiting = waitingFor(pod, "")
		return s
	}
	s.restarts = status.RestartCount
	last := status.LastTerminationState.Terminated
	if last != nil {
		s.previous, s.prevEnd = true, last.FinishedAt.Time
	}
	switch now := status.State; {
	case now.Running != nil:
		s.running, s.final = true, false
	case now.Terminated != nil:
		s.final = s.final || !restarts(pod, container, now.Terminated.ExitCode)
	case last == nil:
		reason := ""
		if now.Waiting != nil {
			reason = strings.TrimSuffix(now.Waiting.Reason+": "+now.Waiting.Message, ": ")
		}
		s.waiting = waitingFor(pod, reason)
	}
	return s
}

func statusOf(pod *corev1.Pod, container string) (corev1.ContainerStatus, bool) {
	all := slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses, pod.Status.EphemeralContainerStatuses)
	i := slices.IndexFunc(all, func(s corev1.ContainerStatus) bool { return s.Name == container })
	if i < 0 {
		return corev1.ContainerStatus{}, false
	}
	return all[i], true
}

// waitingFor says why a container has not started, in at most some 500 characters.
func waitingFor(pod *corev1.Pod, reason string) string {
	for _, c := range pod.Status.Conditions {
		if reason == "" && c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			reason = fmt.Sprintf("%s: %s", c.Reason, c.Message)
		}
	}
	if reason == "" {
		reason = strings.TrimSuffix(fmt.Sprintf("the pod is %s: %s", pod.Status.Phase, pod.Status.Reason), ": ")
	}
	const most = 500
	if text := string(printable([]byte(reason))); len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return string(printable([]byte(reason)))
}

// restarts reports whether a container that ended with code is started again.
func restarts(pod *corev1.Pod, container string, code int32) bool {
	policy := pod.Spec.RestartPolicy
	own := func(p *corev1.ContainerRestartPolicy) {
		if p != nil {
			policy = corev1.RestartPolicy(*p)
		}
	}
	for _, c := range pod.Spec.Containers {
		if c.Name == container {
			own(c.RestartPolicy)
		}
	}
	for _, c := range pod.Spec.InitContainers {
		if c.Name != container {
			continue
		}
		if own(c.RestartPolicy); c.RestartPolicy == nil && policy == corev1.RestartPolicyAlways {
			policy = corev1.RestartPolicyOnFailure // it runs until it has succeeded once
		}
	}
	for _, c := range pod.Spec.EphemeralContainers {
		if c.Name == container {
			return false
		}
	}
	return policy == corev1.RestartPolicyAlways || policy == corev1.RestartPolicyOnFailure && code != 0
}

// replaceable reports whether a pod of the same name follows when this one is gone.
func replaceable(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.OwnerReferences, func(o metav1.OwnerReference) bool {
		return o.Kind == "StatefulSet"
	})
}
