package status

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// scaler are the facts of a HorizontalPodAutoscaler.
type scaler struct {
	current, desired int64
	usage            map[string]int64 // percent of what is requested
	observed         bool
	able, active     condition
	limited          condition
}

func extractScaler(u *unstructured.Unstructured) facts {
	o := object(u.Object)
	st := o.at("status")
	f := scaler{
		current:  st.number("currentReplicas"),
		desired:  st.number("desiredReplicas"),
		usage:    make(map[string]int64),
		observed: len(st.list("conditions")) > 0,
		able:     o.condition("AbleToScale"),
		active:   o.condition("ScalingActive"),
		limited:  o.condition("ScalingLimited"),
	}
	// The field is optional: a controller that leaves it out is believed.
	if seen, ok := st["observedGeneration"].(int64); ok && seen < u.GetGeneration() {
		f.observed = false
	}
	for _, m := range st.list("currentMetrics") {
		res := m.at("resource")
		percent, measured := res.at("current")["averageUtilization"].(int64)
		key := map[string]string{"cpu": "currentCPU", "memory": "currentMemory"}[res.text("name")]
		if measured && key != "" {
			f.usage[key] = percent
		}
	}
	return f
}

func (f scaler) status(o *Object, _ []*Pod) Status {
	s := Status{"currentReplicas": f.current, "desiredReplicas": f.desired}
	for k, n := range f.usage {
		s[k] = n
	}
	state, reason, message := f.evaluate(o)
	s["state"] = state
	return with(s, reason, message)
}

func (f scaler) evaluate(o *Object) (state, reason, message string) {
	switch {
	case o.Deleting:
		return "scaling", "Terminating", "is being deleted from the cluster"
	case !f.observed:
		return "scaling", "", "the cluster has not looked at the autoscaler yet"
	case f.able.status == "False":
		return "error", f.able.reason, f.able.message
	case f.active.status == "False" && f.active.reason == "ScalingDisabled":
		return "stable", f.active.reason, "the workload is scaled to zero, so the autoscaler rests"
	case f.active.status == "False":
		return "error", f.active.reason, "no reading of the metrics: " + f.active.message
	case f.current != f.desired:
		return "scaling", "", fmt.Sprintf("%d replicas, going to %d", f.current, f.desired)
	case f.limited.status == "True":
		return "limited", f.limited.reason, f.limited.message
	}
	return "stable", "", ""
}
