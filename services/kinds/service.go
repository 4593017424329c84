package kinds

import (
	"fmt"
	"maps"

	"github.com/kubeorch/core/pkg/validator"
)

// newService returns the kind that gives the pods of a workload one address.
// It refuses a service without pods or ports.
func newService(r renderer) Kind {
	return templateKind{templated{TypeService, r}, validator.Label, serviceValues}
}

func serviceValues(n *Node, f fields) map[string]any {
	typ := serviceType(f)
	values := map[string]any{
		"type":                     typ,
		"selector":                 serviceSelector(n, f),
		"ports":                    servicePorts(f, typ),
		"publishNotReadyAddresses": f.flag("publishNotReadyAddresses"),
		"sessionAffinity":          f.choice("sessionAffinity", "None", "ClientIP"),
	}
	if headless(f) {
		values["clusterIP"] = "None"
		if typ != "ClusterIP" {
			f.addf("clusterIP", "cannot be None for a service of type %s", typ)
		}
	}
	if t := f.number("sessionAffinityTimeout", 1, 86400); values["sessionAffinity"] == "ClientIP" {
		values["sessionAffinityTimeout"] = t
	}
	outsideAccess(f, typ, values)
	return values
}

// serviceType reads the type, for which drawings and templates have a name each.
func serviceType(f fields) any {
	const defaultType = "ClusterIP"
	for _, key := range []string{"serviceType", "type"} {
		if typ := f.choice(key, "ClusterIP", "NodePort", "LoadBalancer"); typ != nil {
			return typ
		}
	}
	return defaultType
}

func headless(f fields) bool {
	flag := f.flag("headless")
	return f.choice("clusterIP", "None") != nil || flag == true
}

// serviceSelector selects the pods of the workload that an edge leads to, else
// it is the selector or the target application that was stored.
func serviceSelector(n *Node, f fields) map[string]string {
	stored := f.selector("selector")
	app, _ := f.text("targetApp", validator.LabelValue).(string)
	targets := distinct(n.Out(TypeDeployment, TypeStatefulSet, TypeDaemonSet))
	switch {
	case len(targets) > 1:
		f.addf("targetApp", "is ambiguous: edges lead to %d workloads", len(targets))
	case len(targets) == 1:
		f.inNamespaceOf("targetApp", n, targets[0])
		maps.Copy(stored, podsOf(targets[0].Node))
	case app != "":
		stored["app"] = app
	case len(stored) == 0:
		f.addf("targetApp", "is required: join the service to a workload, or name its app label")
	}
	return stored
}

// servicePorts returns the ports in their order: the list where there is one,
// else the single port.
func servicePorts(f fields, typ any) []map[string]any {
	entries := f.objects("ports")
	if len(entries) == 0 {
		if f.absent("port") {
			f.addf("port", "is required")
		}
		return []map[string]any{servicePort(f, typ, "http")}
	}
	f.port("port")
	var ports []map[string]any
	names, taken, onNodes := map[any]bool{}, map[string]bool{}, map[string]bool{}
	for i, e := range entries {
		if e.absent("port") {
			e.addf("port", "is required")
		}
		fallback := "http"
		if len(entries) > 1 {
			fallback = fmt.Sprintf("port-%d", i+1)
		}
		p := servicePort(e, typ, fallback)
		if names[p["name"]] {
			e.addf("name", "%q is used twice", p["name"])
		}
		if key := fmt.Sprint(p["protocol"], p["port"]); p["port"] != nil {
			if taken[key] {
				e.addf("port", "%v is listed twice for %v", p["port"], p["protocol"])
			}
			taken[key] = true
		}
		if key := fmt.Sprint(p["protocol"], p["nodePort"]); p["nodePort"] != nil {
			if onNodes[key] {
				e.addf("nodePort", "%v is listed twice for %v", p["nodePort"], p["protocol"])
			}
			onNodes[key] = true
		}
		names[p["name"]] = true
		ports = append(ports, p)
	}
	return ports
}

// servicePort reads one port. A port without a target goes to the same number.
func servicePort(f fields, typ any, name string) map[string]any {
	port := map[string]any{
		"name":        name,
		"protocol":    "TCP",
		"port":        f.port("port"),
		"targetPort":  f.targetPort(),
		"nodePort":    f.number("nodePort", 0, 65535),
		"appProtocol": f.text("appProtocol", validator.QualifiedName),
	}
	if f.path != "" { // at the top, name is the service's
		if own := f.text("name", validator.Label); own != nil {
			port["name"] = own
		}
	}
	if p := f.choice("protocol", "TCP", "UDP", "SCTP"); p != nil {
		port["protocol"] = p
	}
	if port["targetPort"] == nil {
		port["targetPort"] = port["port"]
	}
	if port["nodePort"] == int64(0) {
		port["nodePort"] = nil // as good as absent: the cluster chooses
	}
	if port["nodePort"] != nil && typ == "ClusterIP" {
		f.addf("nodePort", "needs a service of type NodePort or LoadBalancer")
	}
	return port
}

// targetPort returns the pods' port, or nil for that of the Service; 0 is as
// good as absent.
func (f fields) targetPort() any {
	if n, ok := f.data.Int("targetPort"); ok && n == 0 {
		return nil
	}
	return f.portRef("targetPort")
}

// portRef returns the port at key, by number or by name.
func (f fields) portRef(key string) any {
	_, isNumber := f.data.Int(key)
	if _, isText := f.data[key].(string); isText && !isNumber {
		return f.text(key, validator.PortName)
	}
	return f.port(key)
}

// outsideAccess reads what only services that outsiders reach may have.
func outsideAccess(f fields, typ any, values map[string]any) {
	values["loadBalancerIP"] = f.text("loadBalancerIP", validator.IP)
	ranges := f.texts("loadBalancerSourceRanges", validator.CIDR)
	if len(ranges) > 0 && typ != "LoadBalancer" {
		f.addf("loadBalancerSourceRanges", "needs a service of type LoadBalancer")
	}
	values["loadBalancerSourceRanges"] = ranges
	policy := f.choice("externalTrafficPolicy", "Cluster", "Local")
	if policy != nil && typ == "ClusterIP" {
		f.addf("externalTrafficPolicy", "needs a service of type NodePort or LoadBalancer")
	}
	values["externalTrafficPolicy"] = policy
}
