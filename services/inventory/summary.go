package inventory

import (
	"fmt"
	"strconv"
	"time"

	"github.com/kubeorch/core/models"
)

// Summary returns the few facts of an object that its row in a list has. Its age is
// the one at now.
func Summary(kind string, s models.ResourceState, now time.Time) map[string]any {
	spec := decoded(s.Spec)
	sum := map[string]any{"age": age(now.Sub(s.CreatedAt))}
	copied := func(names ...string) { // pairs of the name in the summary and in the spec
		for i := 0; i < len(names); i += 2 {
			if v, ok := spec[names[i+1]]; ok {
				sum[names[i]] = v
			}
		}
	}
	switch kind {
	case "Deployment", "StatefulSet":
		sum["replicas"] = fmt.Sprintf("%.0f/%.0f", spec.count("readyReplicas"), spec.count("replicas"))
		copied("available", "availableReplicas")
	case "Pod":
		var restarts float64
		for _, c := range spec.objects("containers") {
			restarts += c.count("restartCount")
		}
		sum["containers"], sum["restarts"] = float64(len(spec.list("containers"))), restarts
		copied("nodeName", "nodeName", "podIP", "podIP")
	case "Service":
		sum["ports"] = portTexts(spec.objects("ports"))
		copied("type", "serviceType", "clusterIP", "clusterIP")
	case "Ingress":
		copied("class", "ingressClass", "hosts", "ingressHosts", "rules", "ingressRules", "paths", "ingressPaths",
			"loadBalancerIP", "loadBalancerIP")
	case "Node":
		sum["cpu"], sum["memory"] = spec.at("nodeCapacity").text("cpu"), spec.at("nodeCapacity").text("memory")
	}
	return sum
}

// portTexts writes ports as kubectl does: "80/TCP", "80:30080/TCP".
func portTexts(ports []object) []string {
	out := make([]string, 0, len(ports))
	for _, p := range ports {
		text := strconv.FormatFloat(p.count("port"), 'f', -1, 64)
		if n := p.count("nodePort"); n > 0 {
			text += ":" + strconv.FormatFloat(n, 'f', -1, 64)
		}
		out = append(out, text+"/"+p.text("protocol"))
	}
	return out
}

// age writes a duration in the largest unit that fits, as in "5m", "3h" and "2d".
func age(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < day:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/day)
}
