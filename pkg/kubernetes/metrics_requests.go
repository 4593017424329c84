package kubernetes

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Requests are what a pod reserves: millicores and bytes.
type Requests struct{ CPU, Memory int64 }

// PodRequests returns what a pod reserves on its node. holds is false for pods
// that hold no place: those that have none yet, and those that have ended.
func PodRequests(o metav1.Object) (r Requests, holds bool) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return r, false
	}
	node, _, _ := unstructured.NestedString(u.Object, "spec", "nodeName")
	phase, _, _ := unstructured.NestedString(u.Object, "status", "phase")
	if node == "" || phase == "Succeeded" || phase == "Failed" {
		return r, false
	}
	spec, _ := field(u.Object, "spec").(map[string]any)
	return reserved(spec), true
}

// reserved adds a pod's containers up as the scheduler does: what runs side by
// side is added, and of the steps of its start the largest counts.
func reserved(spec map[string]any) Requests {
	var together, aside, start Requests
	for _, c := range objects(spec, "containers") {
		together = together.plus(requested(c))
	}
	for _, c := range objects(spec, "initContainers") {
		own := requested(c)
		if c["restartPolicy"] == "Always" { // it stays beside those that follow
			aside = aside.plus(own)
			start = start.most(aside)
			continue
		}
		start = start.most(aside.plus(own))
	}
	sum := together.plus(aside).most(start)
	whole := requested(spec)
	if whole.CPU > 0 {
		sum.CPU = whole.CPU
	}
	if whole.Memory > 0 {
		sum.Memory = whole.Memory
	}
	overhead, _ := spec["overhead"].(map[string]any)
	return sum.plus(amounts(overhead))
}

func (r Requests) plus(s Requests) Requests { return Requests{r.CPU + s.CPU, r.Memory + s.Memory} }

func (r Requests) most(s Requests) Requests {
	return Requests{max(r.CPU, s.CPU), max(r.Memory, s.Memory)}
}

func requested(c map[string]any) Requests {
	list, _ := field(c, "resources", "requests").(map[string]any)
	return amounts(list)
}

func amounts(list map[string]any) Requests {
	read := func(name string) (q resource.Quantity) {
		if text, ok := list[name].(string); ok {
			q, _ = resource.ParseQuantity(text) // what cannot be read counts nothing
		}
		return q
	}
	cpu, memory := read("cpu"), read("memory")
	return Requests{cpu.MilliValue(), memory.Value()}
}

func field(from map[string]any, path ...string) any {
	v, _, _ := unstructured.NestedFieldNoCopy(from, path...)
	return v
}

func objects(from map[string]any, name string) []map[string]any {
	list, _ := from[name].([]any)
	found := make([]map[string]any, 0, len(list))
	for _, v := range list {
		if o, ok := v.(map[string]any); ok {
			found = append(found, o)
		}
	}
	return found
}
