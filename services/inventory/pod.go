package inventory

import (
	"cmp"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/status"
)

func (r *reading) pod() {
	spec, st := r.at("spec"), r.at("status")
	r.set("nodeName", spec.text("nodeName"))
	r.set("podIP", st.text("podIP"))
	r.set("hostIP", st.text("hostIP"))
	states := st.objects("containerStatuses")
	r.containers(spec, func(name string, c map[string]any) { containerState(c, named(states, name)) })
	phases := map[string]string{
		"Pending": models.ResourcePending, "Running": models.ResourceRunning,
		"Succeeded": models.ResourceCompleted, "Failed": models.ResourceFailed,
	}
	r.status = cmp.Or(phases[st.text("phase")], models.ResourceUnknown)
	if r.status == models.ResourceCompleted || r.condition("Ready").text("status") == "True" {
		return
	}
	p := status.ExtractPod(r.whole)
	r.message = p.Waits()
	if p.Problem != nil {
		r.message = p.Problem.Reason + ": " + p.Problem.Text
	}
}

// named returns the one of several objects that has a name, or nil.
func named(list []object, name string) object {
	for _, o := range list {
		if o.text("name") == name {
			return o
		}
	}
	return nil
}

// containerState adds to a container what the kubelet says of it.
func containerState(c map[string]any, st object) {
	c["restartCount"] = st.count("restartCount")
	c["ready"] = st.truth("ready")
	c["state"] = cmp.Or(stateName(st.at("state")), "waiting")
	last := stateName(st.at("lastState"))
	if last != "" {
		c["lastState"] = last
	}
	why := cmp.Or(st.at("state", "terminated").text("reason"), st.at("lastState", "terminated").text("reason"))
	if why != "" {
		c["terminationReason"] = clean(why, maxLabelValue)
	}
}

func stateName(st object) string {
	for _, name := range []string{"running", "terminated", "waiting"} {
		if st[name] != nil {
			return name
		}
	}
	return ""
}

// templateContainers reads the containers of a pod template.
func (r *reading) templateContainers(path ...string) {
	r.containers(r.at(path...), func(string, map[string]any) {})
}

// containers reads the containers of a pod's spec. Names, images and states of all
// come before details of the first.
func (r *reading) containers(spec object, addState func(name string, c map[string]any)) {
	all := spec.objects("containers")
	kept := make([]any, 0, len(all))
	for _, from := range all {
		c := map[string]any{"name": clean(from.text("name"), maxLabelValue), "image": clean(from.text("image"), maxText)}
		addState(from.text("name"), c)
		if !r.left.spend(cost(c)) {
			break
		}
		kept = append(kept, c)
	}
	for i := range kept {
		c, _ := kept[i].(map[string]any)
		r.details(c, all[i])
	}
	r.spec["containers"] = kept
	r.omit("containers", len(spec.list("containers"))-len(kept))
}

// details adds to a container what there is room for. Environment variables are never
// kept, since their values are secrets too often.
func (r *reading) details(c map[string]any, from object) {
	resources := map[string]any{}
	for _, q := range []struct{ key, list, name string }{
		{"requestsCPU", "requests", "cpu"},
		{"requestsMemory", "requests", "memory"},
		{"limitsCPU", "limits", "cpu"},
		{"limitsMemory", "limits", "memory"},
	} {
		if v := from.at("resources", q.list).quantity(q.name); v != "" {
			resources[q.key] = v
		}
	}
	var ports []any
	for _, p := range from.objects("ports") {
		port := map[string]any{"containerPort": p.count("containerPort"), "protocol": cmp.Or(clean(p.text("protocol"), maxLabelValue), "TCP")}
		if name := p.text("name"); name != "" {
			port["name"] = clean(name, maxLabelValue)
		}
		ports = append(ports, port)
	}
	r.detail(c, "resources", resources, true)
	r.detail(c, "ports", ports, len(ports) > 0)
	for _, key := range []string{"command", "args"} {
		words := texts(from.list(key))
		for i := range words {
			words[i] = clean(words[i].(string), maxText) //nolint:errcheck // texts returns texts only
		}
		r.detail(c, key, words, len(words) > 0)
	}
}

func (r *reading) detail(c map[string]any, key string, v any, wanted bool) {
	switch {
	case !wanted:
	case r.left.spend(cost(key) + cost(v)):
		c[key] = v
	default:
		r.omit("containers."+key, 1)
	}
}
