package kinds

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/validator"
)

func newDaemonSet(r renderer) Kind {
	return workload{templateKind{templated{TypeDaemonSet, r}, validator.Label, daemonSetValues}}
}

func daemonSetValues(n *Node, f fields) map[string]any {
	p := newPod(n, f, newMounts(n, f))
	return merge(p.selected(n), map[string]any{
		"updateStrategy":       daemonSetStrategy(f),
		"minReadySeconds":      f.count("minReadySeconds", 0),
		"revisionHistoryLimit": f.count("revisionHistoryLimit", 0),
	})
}

// daemonSetStrategy reads updateStrategy, by name alone or in the form of
// Kubernetes, and maxUnavailable, which only means something to a rolling
// update.
func daemonSetStrategy(f fields) any {
	if models.AsData(f.data["updateStrategy"]) != nil {
		return daemonSetStrategyObject(f)
	}
	name := f.choice("updateStrategy", string(appsv1.RollingUpdateDaemonSetStrategyType), string(appsv1.OnDeleteDaemonSetStrategyType))
	most := maxUnavailable(f)
	if name == nil && most == nil {
		return nil
	}
	strategy := map[string]any{"type": string(appsv1.RollingUpdateDaemonSetStrategyType)}
	set(strategy, "type", name)
	if most != nil && name != string(appsv1.OnDeleteDaemonSetStrategyType) {
		strategy["rollingUpdate"] = map[string]any{"maxUnavailable": most}
	}
	return strategy
}

func daemonSetStrategyObject(f fields) any {
	var typed appsv1.DaemonSetUpdateStrategy
	plain := f.decode("updateStrategy", &typed)
	known := optional(oneOf(string(appsv1.RollingUpdateDaemonSetStrategyType), string(appsv1.OnDeleteDaemonSetStrategyType)))
	f.check("updateStrategy.type", string(typed.Type), known)
	if r := typed.RollingUpdate; r != nil && typed.Type != appsv1.OnDeleteDaemonSetStrategyType {
		unavailable := f.share("updateStrategy.rollingUpdate.maxUnavailable", r.MaxUnavailable, 1, allPods)
		surge := f.share("updateStrategy.rollingUpdate.maxSurge", r.MaxSurge, 0, allPods)
		switch {
		case unavailable != 0 && surge != 0:
			f.addf("updateStrategy.rollingUpdate.maxSurge", "needs a maxUnavailable of 0")
		case unavailable == 0 && surge == 0:
			f.addf("updateStrategy.rollingUpdate", "must not set both maxUnavailable and maxSurge to 0")
		}
	}
	return plain
}

// maxUnavailable reads a number of pods or a percentage of them.
func maxUnavailable(f fields) any {
	const key = "maxUnavailable"
	s, _ := f.data[key].(string)
	if !strings.Contains(s, "%") {
		return f.count(key, 1)
	}
	share := intstr.FromString(strings.TrimSpace(s))
	if f.share(key, &share, 1, allPods) == 0 {
		f.addf(key, "must be more than 0%%")
	}
	return share.StrVal
}
