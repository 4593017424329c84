package inventory

import "github.com/kubeorch/core/models"

// scaler reads a HorizontalPodAutoscaler of autoscaling/v2.
func (r *reading) scaler() {
	spec, st := r.at("spec"), r.at("status")
	current, desired := st.count("currentReplicas"), st.count("desiredReplicas")
	r.set("minReplicas", spec.numberOr("minReplicas", 1))
	r.set("maxReplicas", spec.count("maxReplicas"))
	r.set("currentReplicas", current)
	r.set("desiredReplicas", desired)
	target := spec.at("scaleTargetRef")
	if target.text("name") != "" {
		r.set("scaleTargetRef", target.text("kind")+"/"+target.text("name"))
	}
	r.utilization("target", spec.objects("metrics"))
	r.utilization("current", st.objects("currentMetrics"))
	if current != desired {
		r.status = models.ResourceWarning
	}
	r.explain("hpa")
}

// utilization keeps the percentages of the metrics of resources. field holds them, and
// begins the names of what is kept.
func (r *reading) utilization(field string, metrics []object) {
	for _, m := range metrics {
		n, ok := m.at("resource", field).number("averageUtilization")
		name := map[string]string{"cpu": "CPU", "memory": "Memory"}[m.at("resource").text("name")]
		if ok && name != "" {
			r.set(field+name+"Utilization", n)
		}
	}
}
