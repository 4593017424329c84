package inventory

import (
	"cmp"
	"strconv"

	"github.com/kubeorch/core/models"
)

func (r *reading) node() {
	st := r.at("status")
	r.set("nodeCapacity", amounts(st.at("capacity")))
	r.set("nodeAllocated", amounts(st.at("allocatable")))
	ready := r.condition("Ready")
	if ready.text("status") != "True" {
		r.status = models.ResourceFailed
		r.message = cmp.Or(reported(ready.text("message")), reported(ready.text("reason")), "the node does not report that it is ready")
		return
	}
	for _, kind := range []string{"MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"} {
		if c := r.condition(kind); c.text("status") == "True" {
			r.message = cmp.Or(reported(c.text("message")), kind)
			return
		}
	}
	if r.at("spec").truth("unschedulable") {
		r.message = "is cordoned: it takes no new pods"
	}
}

func amounts(from object) map[string]any {
	out := map[string]any{}
	for key, name := range map[string]string{"cpu": "cpu", "memory": "memory", "storage": "ephemeral-storage", "pods": "pods"} {
		if q := from.quantity(name); q != "" {
			out[key] = q
		}
	}
	return out
}

// quantity returns an amount as it is written, or "". YAML may have it as a number.
func (o object) quantity(key string) string {
	if n, ok := o.number(key); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return clean(o.text(key), maxLabelValue)
}

// namespace reads a Namespace. Its conditions tell what keeps one from going.
func (r *reading) namespace() {
	if r.at("status").text("phase") != "Terminating" {
		return
	}
	r.status, r.message = models.ResourceDeleted, deleting
	for _, c := range r.at("status").objects("conditions") {
		if text := reported(c.text("message")); c.text("status") == "True" && text != "" {
			r.message += "; " + text
		}
	}
}
