package kinds

import (
	"math"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/kubeorch/core/pkg/validator"
)

func newDeployment(r renderer) Kind {
	return workload{templateKind{templated{TypeDeployment, r}, validator.Label, deploymentValues}}
}

func deploymentValues(n *Node, f fields) map[string]any {
	p := newPod(n, f, newMounts(n, f))
	versioned(f, p.labels)
	deadlines(f)
	return merge(p.selected(n), map[string]any{
		"labels":                  p.labels,
		"replicas":                replicas(n, f),
		"strategy":                deploymentStrategy(f),
		"minReadySeconds":         f.count("minReadySeconds", 0),
		"revisionHistoryLimit":    f.count("revisionHistoryLimit", 0),
		"progressDeadlineSeconds": f.count("progressDeadlineSeconds", 1),
	})
}

// deploymentStrategy reads the strategy: its name alone, or the form of
// Kubernetes.
func deploymentStrategy(f fields) any {
	names := []string{string(appsv1.RecreateDeploymentStrategyType), string(appsv1.RollingUpdateDeploymentStrategyType)}
	if _, short := f.data["strategy"].(string); short {
		name := f.choice("strategy", names...)
		if name == nil {
			return nil
		}
		return map[string]any{"type": name}
	}
	var typed appsv1.DeploymentStrategy
	plain := f.decode("strategy", &typed)
	f.check("strategy.type", string(typed.Type), optional(oneOf(names...)))
	r := typed.RollingUpdate
	switch {
	case r == nil:
	case typed.Type == appsv1.RecreateDeploymentStrategyType:
		f.addf("strategy.rollingUpdate", "must be absent when the type is Recreate")
	default:
		unavailable := f.share("strategy.rollingUpdate.maxUnavailable", r.MaxUnavailable, 25, allPods)
		surge := f.share("strategy.rollingUpdate.maxSurge", r.MaxSurge, 25, math.MaxInt)
		if unavailable == 0 && surge == 0 {
			f.addf("strategy.rollingUpdate", "must not set both maxUnavailable and maxSurge to 0")
		}
	}
	return plain
}

// deadlines checks that pods can be ready for long enough before the rollout
// is given up.
func deadlines(f fields) {
	const defaultDeadline = 600
	ready, _ := f.data.Int("minReadySeconds")
	deadline, set := f.data.Int("progressDeadlineSeconds")
	if !set {
		deadline = defaultDeadline
	}
	if deadline > 0 && ready >= deadline {
		f.addf("progressDeadlineSeconds", "must be more than minReadySeconds: %d is not more than %d", deadline, ready)
	}
}
