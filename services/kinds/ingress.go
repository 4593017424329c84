package kinds

import (
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/validator"
)

// newIngress returns the kind that routes requests from outside to services.
// It refuses an ingress that leads nowhere.
func newIngress(r renderer) Kind {
	return templateKind{templated{TypeIngress, r}, validator.Label, ingressValues}
}

// ingressRule is the paths of one host; nil is any host.
type ingressRule struct {
	host  any
	paths []map[string]any
}

func ingressValues(n *Node, f fields) map[string]any {
	host := f.text("host", validator.Host)
	rules := ingressRules(n, f, host)
	fallback, hasFallback := f.object("defaultBackend")
	values := map[string]any{
		"ingressClassName": ingressClass(f),
		"tls":              ingressTLS(f, rules),
	}
	if hasFallback {
		values["defaultBackend"] = backend(fallback, fallback.required("serviceName", validator.Label), nil)
	} else if len(rules) == 0 {
		f.addf("paths", "lead to no service: join one to a service")
	}
	var laidOut []map[string]any
	for _, r := range rules {
		laidOut = append(laidOut, map[string]any{"host": r.host, "paths": r.paths})
	}
	values["rules"] = laidOut
	return values
}

// ingressClass is nginx unless the drawing says otherwise; an empty text
// leaves the choice to the cluster.
func ingressClass(f fields) any {
	if !f.data.Has("ingressClassName") {
		return "nginx"
	}
	return f.text("ingressClassName", validator.Subdomain)
}

// ingressRules groups the paths that lead to a service by host, in the order
// in which they were drawn.
func ingressRules(n *Node, f fields, host any) []ingressRule {
	paths := f.objects("paths")
	if len(f.data.List("paths")) == 0 { // the notation of a single path
		paths = []fields{f}
	}
	joined := joinedServices(n, f, paths)
	var rules []ingressRule
	for i, p := range paths {
		own := host
		if p.path != "" && p.data.Has("host") {
			own = p.text("host", validator.Host)
		}
		path, ok := ingressPath(p, joined[i])
		if !ok {
			continue
		}
		at := 0
		for at < len(rules) && rules[at].host != own {
			at++
		}
		if at == len(rules) {
			rules = append(rules, ingressRule{host: own})
		}
		rules[at].paths = append(rules[at].paths, path)
	}
	return rules
}

// joinedServices finds the service that an edge gives to each path. An edge
// that names no path belongs to the path that already has that service, else
// to the first that has none, else to the first.
func joinedServices(n *Node, f fields, paths []fields) []*Node {
	joined := make([]*Node, len(paths))
	for _, peer := range n.Out(TypeService) {
		if i := pathOf(peer, paths, joined); i >= 0 {
			f.inNamespaceOf("paths", n, peer)
			joined[i] = peer.Node
		} else {
			f.addf("paths", "have no path %q, from which an edge leads to service %q", peer.Handle, peer.Node.Name)
		}
	}
	return joined
}

func pathOf(peer Peer, paths []fields, joined []*Node) int {
	if !fromWholeNode(peer.Handle) {
		for i, p := range paths {
			if p.data["id"] == peer.Handle {
				return i
			}
		}
		return -1
	}
	for i, p := range paths {
		if joined[i] == nil && p.data.String("serviceName") == peer.Node.Name {
			return i
		}
	}
	for i, p := range paths {
		if joined[i] == nil && p.data.String("serviceName") == "" {
			return i
		}
	}
	if len(paths) > 0 {
		return 0
	}
	return -1
}

// ingressPath lays one path out. ok is false when it leads to no service.
func ingressPath(f fields, joined *Node) (path map[string]any, ok bool) {
	typ := f.choice("pathType", "Prefix", "Exact", "ImplementationSpecific")
	if typ == nil {
		typ = "Prefix"
	}
	at := f.text("path", func(s string) string { return validator.IngressPath(s, typ.(string)) })
	if at == nil {
		at = "/"
	}
	service, _ := f.text("serviceName", validator.Label).(string)
	if joined != nil {
		service = joined.Name
	}
	if service == "" {
		return nil, false
	}
	return map[string]any{"path": at, "pathType": typ, "backend": backend(f, service, joined)}, true
}

// backend leads to a service. Its port is the stored one, unless the service
// is drawn and does not offer that; then it is the first that it offers.
func backend(f fields, service string, joined *Node) map[string]any {
	var port any
	unset := f.absent("servicePort") || f.data["servicePort"] == int64(0) // as forms send it
	if !unset {
		port = f.portRef("servicePort")
	}
	if joined != nil {
		offered := offeredPorts(joined)
		if len(offered) > 0 && !offered.has(port) {
			port = offered[0].number
		}
	}
	ref := map[string]any{}
	switch port.(type) {
	case nil:
		if unset {
			f.addf("servicePort", "is required")
		}
	case string:
		ref["name"] = port
	default:
		ref["number"] = port
	}
	return map[string]any{"service": map[string]any{"name": service, "port": ref}}
}

type offeredPort struct{ number, name any }

type portList []offeredPort

func (l portList) has(port any) bool {
	for _, p := range l {
		if port != nil && (p.number == port || p.name == port) {
			return true
		}
	}
	return false
}

// offeredPorts returns the ports of a drawn service, which it reads once: many
// paths may lead to a service of many ports.
func offeredPorts(n *Node) portList {
	if n.offered != nil {
		return n.offered
	}
	var ignored models.Problems // the service reports its own
	f := read(n, &ignored)
	list := portList{}
	for _, p := range servicePorts(f, nil) {
		if p["port"] != nil {
			list = append(list, offeredPort{number: p["port"], name: p["name"]})
		}
	}
	n.offered = list
	return list
}

// ingressTLS returns the one TLS entry, for the listed hosts or else for those
// of the rules.
func ingressTLS(f fields, rules []ingressRule) []map[string]any {
	enabled := f.flag("tlsEnabled")
	secret := f.text("tlsSecretName", validator.Subdomain)
	hosts := f.texts("tlsHosts", validator.CertificateHost)
	if enabled != true {
		return nil
	}
	listed := len(hosts) > 0
	for _, r := range rules {
		if h, ok := r.host.(string); ok && !listed {
			hosts = append(hosts, h)
		}
	}
	return []map[string]any{{"hosts": hosts, "secretName": secret}}
}
