package findings

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/models"
)

// of returns the facts of a node whose object exists.
func of(nodeType, kind string) Facts {
	return Facts{
		Type: nodeType, Exists: true, UID: "u-main", Object: models.ObjectName{Kind: kind, Namespace: "default", Name: "web"},
		Unread: map[Part]string{},
	}
}

func deploymentWith(pods ...corev1.Pod) Facts {
	f := of("deployment", "Deployment")
	f.Pods = pods
	return f
}

// pod returns a pod with one container in a state.
func pod(name string, status corev1.ContainerStatus) corev1.Pod {
	status.Name = "web"
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID("u-" + name)},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "web", Image: "nginx:none",
			Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{"memory": resource.MustParse("64Mi")}},
		}}},
		Status: corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{status}},
	}
}

func waiting(reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
}

// crashing returns the status of a container whose last instance ended.
func crashing(reason string, code int32) corev1.ContainerStatus {
	s := waiting("CrashLoopBackOff", "back-off 20s")
	s.RestartCount = 3
	s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code}
	return s
}

func ready(p corev1.Pod) corev1.Pod {
	p.Status.Phase = corev1.PodRunning
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue})
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "web", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
	}}
	return p
}

func unscheduled(message string) corev1.Pod {
	p := pod("web-1", corev1.ContainerStatus{})
	p.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: message,
	}}
	return p
}

func event(uid, reason, message string) corev1.Event {
	return corev1.Event{
		Type: corev1.EventTypeWarning, Reason: reason, Message: message, InvolvedObject: corev1.ObjectReference{UID: types.UID(uid)},
	}
}

// checkOf returns a check of a diagnosis, zero when it is not listed.
func checkOf(d models.Diagnosis, name string) models.DiagnosticCheck {
	for _, c := range d.Checks {
		if c.Name == name {
			return c
		}
	}
	return models.DiagnosticCheck{}
}

func (f Facts) with(change func(f *Facts)) Facts {
	change(&f)
	return f
}
