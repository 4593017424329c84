package kinds

import (
	"github.com/kubeorch/core/pkg/validator"
)

// newHPA returns the kind that scales the workload it is joined to. It refuses
// one without target or metric, and bounds that contradict each other.
func newHPA(r renderer) Kind {
	return templateKind{templated{TypeHPA, r}, validator.Label, hpaValues}
}

func hpaValues(n *Node, f fields) map[string]any {
	kind, name := scaleTarget(n, f)
	values := map[string]any{
		"targetKind":  kind,
		"targetName":  name,
		"minReplicas": f.count("minReplicas", 1),
		"maxReplicas": f.count("maxReplicas", 1),
		"metrics":     scaleMetrics(f),
		"scaleUp":     stabilization(f, "scaleUpStabilization"),
		"scaleDown":   stabilization(f, "scaleDownStabilization"),
	}
	if f.absent("maxReplicas") {
		f.addf("maxReplicas", "is required")
	}
	lowest, hasLowest := values["minReplicas"].(int64)
	highest, hasHighest := values["maxReplicas"].(int64)
	if hasLowest && hasHighest && lowest > highest {
		f.addf("minReplicas", "must not be larger than maxReplicas")
	}
	return values
}

// scaleTarget is the workload that an edge leads to, else the stored one.
func scaleTarget(n *Node, f fields) (kind any, name string) {
	kind = f.choice("scaleTargetKind", "Deployment", "StatefulSet")
	stored, _ := f.text("scaleTargetName", validator.Subdomain).(string)
	targets := distinct(n.Out(TypeDeployment, TypeStatefulSet))
	switch {
	case len(targets) > 1:
		f.addf("scaleTargetName", "is ambiguous: edges lead to %d workloads", len(targets))
	case len(targets) == 1:
		f.inNamespaceOf("scaleTargetName", n, targets[0])
		if targets[0].Node.Type == TypeStatefulSet {
			return "StatefulSet", targets[0].Node.Name
		}
		return "Deployment", targets[0].Node.Name
	case stored == "":
		f.addf("scaleTargetName", "is required: join the autoscaler to a workload, or name one")
	}
	if kind == nil {
		kind = "Deployment"
	}
	return kind, stored
}

func scaleMetrics(f fields) []map[string]any {
	var metrics []map[string]any
	for _, m := range []struct{ key, resource string }{
		{"targetCPUUtilization", "cpu"},
		{"targetMemoryUtilization", "memory"},
	} {
		if percent := f.count(m.key, 1); percent != nil {
			metrics = append(metrics, map[string]any{"resource": m.resource, "utilization": percent})
		}
	}
	if f.absent("targetCPUUtilization") && f.absent("targetMemoryUtilization") {
		f.addf("targetCPUUtilization", "is required when there is no targetMemoryUtilization")
	}
	return metrics
}

// stabilization returns the rules of one direction, or nil for the cluster's
// own. 0 seconds is a rule.
func stabilization(f fields, key string) any {
	const anHour = 3600
	seconds := f.number(key, 0, anHour)
	if seconds == nil {
		return nil
	}
	return map[string]any{"stabilizationWindowSeconds": seconds}
}
