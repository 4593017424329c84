package findings

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
)

// refusal is what the cluster says when it lets no pod, Job or claim be made.
type refusal struct {
	text     string
	evidence []models.Evidence
}

// refusals returns what the conditions of the object and the events about it tell. A
// workload that has all its pods has overcome its events.
func (f Facts) refusals() []refusal {
	var all []refusal
	if f.Deployment != nil {
		for _, c := range f.Deployment.Status.Conditions {
			failed := c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue ||
				c.Type == appsv1.DeploymentProgressing && c.Reason == "ReplicaSetCreateError"
			if failed {
				all = append(all, refusal{c.Message, statusEvidence(c.Reason + ": " + c.Message)})
			}
		}
	}
	if f.hasAllPods() {
		return all
	}
	made := f.anyEvent("SuccessfulCreate")
	for _, e := range f.anyEvent("FailedCreate", "FailedUpdate") {
		if len(made) > 0 && seen(made[0]).After(seen(e)) {
			continue
		}
		if !slices.ContainsFunc(all, func(r refusal) bool { return reasonOf(r.text) == reasonOf(e.Message) }) {
			all = append(all, refusal{e.Message, eventEvidence([]corev1.Event{e})})
		}
	}
	return all
}

// hasAllPods reports whether the workload has as many pods as it should.
func (f Facts) hasAllPods() bool {
	switch {
	case f.Deployment != nil:
		return true // its condition tells, and goes away
	case f.StatefulSet != nil:
		return f.StatefulSet.Spec.Replicas != nil && f.StatefulSet.Status.Replicas >= *f.StatefulSet.Spec.Replicas
	case f.DaemonSet != nil:
		return f.DaemonSet.Status.CurrentNumberScheduled >= f.DaemonSet.Status.DesiredNumberScheduled
	case f.Job != nil && f.Type == "job":
		return f.Job.Status.Active > 0 || f.Job.Status.Succeeded > 0
	}
	return false
}

// reasonOf returns a refusal without the name of the pod, which is another one with
// each try.
func reasonOf(text string) string {
	if _, after, ok := strings.Cut(text, " is forbidden: "); ok {
		return after
	}
	return text
}

// refusedFor returns a finding for each refusal of which about makes one.
func (f Facts) refusedFor(about func(text string) (Finding, bool)) []Finding {
	var found []Finding
	for _, r := range f.refusals() {
		if one, ok := about(reasonOf(r.text)); ok {
			one.Evidence = append(one.Evidence, r.evidence...)
			found = append(found, one)
		}
	}
	return found
}
