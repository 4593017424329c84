package status

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// scaler are the facts of a HorizontalPodAutoscaler.
type scaler struct {
	current, desired int64
	usage            map[string]int64 // percent of what is requested
	observed         bool
	able, active     condition
	limited          condition
	metrics, read    int    // how many metrics it is to follow, and of how many it knows the value
	unread           *Event // why it does not know one
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
	f.metrics = len(o.at("spec").list("metrics"))
	for _, m := range st.list("currentMetrics") {
		if m.text("type") != "" { // else it stands for one that could not be read
			f.read++
		}
		res := m.at("resource")
		percent, measured := res.at("current")["averageUtilization"].(int64)
		key := map[string]string{"cpu": "currentCPU", "memory": "currentMemory"}[res.text("name")]
		if measured && key != "" {
			f.usage[key] = percent
		}
	}
	return f
}

func (f scaler) explain(events []*Event) facts {
	f.unread = newest(events, "HorizontalPodAutoscaler", spokenOf("HorizontalPodAutoscaler")...)
	return f
}

func (f scaler) status(o *Object, _ []*Pod) Status {
	s := Status{"currentReplicas": f.current, "desiredReplicas": f.desired}
	for k, n := range f.usage {
		s[k] = n
	}
	state, reason, message := f.evaluate(o)
	s["state"] = state
	if f.active.status == "True" && f.read < f.metrics && f.unread != nil {
		reason = f.unread.Reason
		missing := fmt.Sprintf("%d of %d metrics cannot be read: %s", f.metrics-f.read, f.metrics, f.unread.Text)
		message = strings.TrimPrefix(message+"; "+missing, "; ")
	}
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
