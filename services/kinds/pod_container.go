package kinds

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/validator"
)

// container reads what every container may have.
func container(name string, f fields) map[string]any {
	c := map[string]any{"name": name, "image": f.required("image", validator.Image)}
	set(c, "imagePullPolicy", f.choice("imagePullPolicy",
		string(corev1.PullAlways), string(corev1.PullIfNotPresent), string(corev1.PullNever)))
	set(c, "command", f.texts("command"))
	set(c, "args", f.texts("args"))
	set(c, "workingDir", f.text("workingDir"))
	set(c, "ports", containerPorts(f))
	set(c, "resources", resources(f))
	for _, key := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		set(c, key, probe(f, key))
	}
	set(c, "lifecycle", lifecycle(f))
	set(c, "securityContext", f.decode("securityContext", &corev1.SecurityContext{}))
	return c
}

// containerPorts reads port, which is named http, and the further ones in
// ports: numbers, or objects in the form of Kubernetes.
func containerPorts(f fields) []any {
	var all []any
	numbers, names, hostPorts := map[string]string{}, map[string]string{}, map[string]bool{}
	add := func(at string, p map[string]any) {
		number := fmt.Sprintf("%d/%s", p["containerPort"], p["protocol"])
		if first, dup := numbers[number]; dup {
			if first != "port" { // a list may repeat the main port
				f.addf(at, "%s is already %s", number, first)
			}
			return
		}
		numbers[number] = at
		if name, _ := p["name"].(string); name != "" {
			if first, dup := names[name]; dup {
				f.addf(at, "the name %q is already that of %s", name, first)
			}
			names[name] = at
		}
		if msg := hostPortFault(p, hostPorts, f.data["hostNetwork"] == true); msg != "" {
			f.addf(at+".hostPort", "%s", msg)
		}
		all = append(all, p)
	}
	if n := f.port("port"); n != nil {
		add("port", map[string]any{"name": "http", "containerPort": n, "protocol": string(corev1.ProtocolTCP)})
	}
	for i, v := range f.list("ports") {
		at := fmt.Sprintf("ports[%d]", i)
		if p := onePort(f, at, v); p != nil {
			add(at, p)
		}
	}
	return all
}

// hostPortFault says what is wrong with a container port's port on the node.
func hostPortFault(p map[string]any, taken map[string]bool, hostNetwork bool) string {
	port := p["hostPort"]
	key := fmt.Sprint(p["protocol"], "/", p["hostIP"], "/", port)
	switch {
	case port == nil:
	case hostNetwork && port != p["containerPort"]:
		return "must be the container's port in the network of the host"
	case taken[key]:
		return "is already taken by another port of this container"
	}
	taken[key] = true
	return ""
}

func onePort(f fields, at string, v any) map[string]any {
	d := models.AsData(v)
	if d == nil {
		d = models.Data{"containerPort": v}
	}
	e := fields{data: d, path: f.path + at + ".", out: f.out}
	n := e.port("containerPort")
	if n == nil {
		n = e.port("port")
	}
	if n == nil {
		if v != nil && !d.Has("containerPort") && !d.Has("port") {
			e.addf("containerPort", "is required")
		}
		return nil
	}
	p := map[string]any{"containerPort": n, "protocol": string(corev1.ProtocolTCP)}
	set(p, "protocol", e.choice("protocol",
		string(corev1.ProtocolTCP), string(corev1.ProtocolUDP), string(corev1.ProtocolSCTP)))
	set(p, "name", e.text("name", validator.PortName))
	if port := e.number("hostPort", 0, 65535); port != int64(0) { // 0 is as good as absent
		set(p, "hostPort", port)
	}
	set(p, "hostIP", e.text("hostIP", validator.IP))
	return p
}
