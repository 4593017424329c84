package kinds

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeorch/core/pkg/validator"
)

func newDeployment(r renderer) Kind {
	return workload{drawn{templated{TypeDeployment, r}, validator.Label, deploymentValues}}
}

func deploymentValues(n *Node, f fields) map[string]any {
	p := newPod(n, f, newMounts(n, f))
	versioned(f, p.labels)
	return with(p.values(), map[string]any{
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
	switch {
	case typed.Type == appsv1.RecreateDeploymentStrategyType && typed.RollingUpdate != nil:
		f.addf("strategy.rollingUpdate", "must be absent when the type is Recreate")
	case typed.RollingUpdate != nil && none(typed.RollingUpdate.MaxUnavailable) && none(typed.RollingUpdate.MaxSurge):
		f.addf("strategy.rollingUpdate", "must not set both maxUnavailable and maxSurge to 0")
	}
	if typed.Type != "" {
		f.check("strategy.type", string(typed.Type), oneOf(names...))
	}
	if r := typed.RollingUpdate; r != nil {
		f.share("strategy.rollingUpdate.maxUnavailable", r.MaxUnavailable)
		f.share("strategy.rollingUpdate.maxSurge", r.MaxSurge)
	}
	return plain
}

// share checks a number of pods or a percentage of them.
func (f fields) share(key string, v *intstr.IntOrString) {
	switch {
	case v == nil:
	case v.Type == intstr.Int:
		if v.IntVal < 0 {
			f.addf(key, "must not be negative")
		}
	default:
		f.check(key, v.StrVal, validator.Percentage)
	}
}

func none(v *intstr.IntOrString) bool {
	return v != nil && (*v == intstr.FromInt32(0) || *v == intstr.FromString("0%"))
}
