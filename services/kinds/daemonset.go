package kinds

import (
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/validator"
)

func newDaemonSet(r renderer) Kind {
	return workload{drawn{templated{TypeDaemonSet, r}, validator.Label, daemonSetValues}}
}

func daemonSetValues(n *Node, f fields) map[string]any {
	p := newPod(n, f, newMounts(n, f))
	return with(p.values(), map[string]any{
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
	known := orEmpty(oneOf(string(appsv1.RollingUpdateDaemonSetStrategyType), string(appsv1.OnDeleteDaemonSetStrategyType)))
	f.check("updateStrategy.type", string(typed.Type), known)
	if r := typed.RollingUpdate; r != nil {
		f.share("updateStrategy.rollingUpdate.maxUnavailable", r.MaxUnavailable)
		f.share("updateStrategy.rollingUpdate.maxSurge", r.MaxSurge)
	}
	return plain
}

// maxUnavailable reads a number of pods or a percentage of them.
func maxUnavailable(f fields) any {
	const key = "maxUnavailable"
	s, ok := f.data[key].(string)
	percent, isPercent := strings.CutSuffix(strings.TrimSpace(s), "%")
	if !ok || !isPercent {
		return f.count(key, 1)
	}
	if v, err := strconv.Atoi(percent); err != nil || v < 1 || v > 100 {
		f.addf(key, "must be a number of pods or a percentage from 1%% to 100%%")
		return nil
	}
	return percent + "%"
}
