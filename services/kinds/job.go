package kinds

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/pkg/validator"
)

func newJob(r renderer) Kind {
	return workload{templateKind{templated{TypeJob, r}, validator.Label, plainJobValues}}
}

func plainJobValues(n *Node, f fields) map[string]any {
	return merge(jobValues(n, f, corev1.RestartPolicyNever), map[string]any{"suspend": f.flag("suspend")})
}

// jobValues reads what jobs and the jobs of a cronjob have in common.
func jobValues(n *Node, f fields, restart corev1.RestartPolicy) map[string]any {
	p := newPod(n, f, newMounts(n, f))
	p.spec["restartPolicy"] = string(restart)
	set(p.spec, "restartPolicy", f.choice("restartPolicy", string(corev1.RestartPolicyNever), string(corev1.RestartPolicyOnFailure)))
	return merge(p.values(), map[string]any{
		"completions":             f.count("completions", 0),
		"parallelism":             f.count("parallelism", 0),
		"backoffLimit":            f.count("backoffLimit", 0),
		"activeDeadlineSeconds":   f.seconds("activeDeadlineSeconds"),
		"ttlSecondsAfterFinished": f.count("ttlSecondsAfterFinished", 0),
	})
}
