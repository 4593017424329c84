package inventory

import (
	"cmp"
	"slices"

	"github.com/kubeorch/core/models"
)

func (r *reading) service() {
	spec := r.at("spec")
	r.set("serviceType", cmp.Or(spec.text("type"), "ClusterIP"))
	r.set("clusterIP", spec.text("clusterIP"))
	addresses := append(texts(spec.list("externalIPs")), r.balancers()...)
	r.setList("externalIPs", addresses, len(addresses))
	var ports []any
	for _, p := range spec.objects("ports") {
		port := map[string]any{"port": p.count("port"), "protocol": cmp.Or(clean(p.text("protocol"), maxLabelValue), "TCP")}
		if name := p.text("name"); name != "" {
			port["name"] = clean(name, maxLabelValue)
		}
		if n, ok := p.number("targetPort"); ok {
			port["targetPort"] = n
		} else if name := p.text("targetPort"); name != "" {
			port["targetPort"] = clean(name, maxLabelValue)
		}
		if n := p.count("nodePort"); n > 0 {
			port["nodePort"] = n
		}
		ports = append(ports, port)
	}
	r.setList("ports", ports, len(spec.list("ports")))
	r.explain("service")
}

// balancers returns the addresses that a load balancer gave an object.
func (r *reading) balancers() []any {
	var out []any
	for _, in := range r.at("status", "loadBalancer").objects("ingress") {
		if address := cmp.Or(in.text("ip"), in.text("hostname")); address != "" {
			out = append(out, address)
		}
	}
	return out
}

func (r *reading) ingress() {
	spec := r.at("spec")
	const classAnnotation = "kubernetes.io/ingress.class" // before there was a field for it
	r.set("ingressClass", cmp.Or(spec.text("ingressClassName"), r.at("metadata", "annotations").text(classAnnotation)))
	var hosts []any
	paths := 0
	rules := spec.list("rules")
	for _, rule := range rules {
		m, _ := rule.(map[string]any)
		paths += len(object(m).at("http").list("paths"))
		if host := object(m).text("host"); host != "" && len(hosts) < maxItems && !slices.Contains(hosts, any(host)) {
			hosts = append(hosts, host)
		}
	}
	r.set("ingressRules", float64(len(rules)))
	r.set("ingressPaths", float64(paths))
	if addresses := r.balancers(); len(addresses) > 0 {
		r.set("loadBalancerIP", addresses[0])
	} else {
		r.status = models.ResourcePending
	}
	r.setList("ingressHosts", hosts, len(hosts))
	r.explain("ingress")
}

func (r *reading) networkPolicy() {
	spec := r.at("spec")
	types := texts(spec.list("policyTypes"))
	r.setList("policyTypes", types, len(types))
	r.set("ingressRulesCount", float64(len(spec.list("ingress"))))
	r.set("egressRulesCount", float64(len(spec.list("egress"))))
	all := spec.at("podSelector", "matchLabels")
	selected := make(map[string]string, len(all))
	for k := range all {
		selected[k] = all.text(k)
	}
	labels := map[string]any{}
	for k, v := range bind(selected, &r.left, maxLabelValue) {
		labels[k] = v
	}
	r.spec["podSelectorLabels"] = labels
	r.omit("podSelectorLabels", len(all)-len(labels))
}
