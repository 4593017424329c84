package kubernetes

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Requests are the resource requests of a pod, in millicores and bytes.
type Requests struct{ CPU, Memory int64 }

// PodRequests returns what a pod reserves on its node. reserved is false for a pod
// that is not scheduled yet or has ended.
func PodRequests(o metav1.Object) (r Requests, reserved bool) {
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
	return effectiveRequests(spec), true
}

// effectiveRequests computes the requests of a pod as the scheduler does: the sum
// of containers and sidecars, or the most that is needed at a step of the
// initialisation, whichever is more, unless the pod has requests as a pod.
func effectiveRequests(spec map[string]any) Requests {
	var containers, sidecars, initial Requests
	for _, c := range objects(spec, "containers") {
		containers = containers.add(requested(c))
	}
	for _, c := range objects(spec, "initContainers") {
		own := requested(c)
		if c["restartPolicy"] == "Always" {
			sidecars = sidecars.add(own)
			initial = initial.max(sidecars)
			continue
		}
		initial = initial.max(sidecars.add(own))
	}
	sum := containers.add(sidecars).max(initial)
	pod := requested(spec)
	if pod.CPU > 0 {
		sum.CPU = pod.CPU
	}
	if pod.Memory > 0 {
		sum.Memory = pod.Memory
	}
	overhead, _ := spec["overhead"].(map[string]any)
	return sum.add(amounts(overhead))
}

func (r Requests) add(s Requests) Requests { return Requests{r.CPU + s.CPU, r.Memory + s.Memory} }

func (r Requests) max(s Requests) Requests {
	return Requests{max(r.CPU, s.CPU), max(r.Memory, s.Memory)}
}

func requested(c map[string]any) Requests {
	list, _ := field(c, "resources", "requests").(map[string]any)
	return amounts(list)
}

func amounts(list map[string]any) Requests {
	read := func(name string) (q resource.Quantity) {
		if text, ok := list[name].(string); ok {
			q, _ = resource.ParseQuantity(text) // an unreadable quantity counts as zero
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
