package kinds

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

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
	set(c, "lifecycle", f.decode("lifecycle", &corev1.Lifecycle{}))
	set(c, "securityContext", f.decode("securityContext", &corev1.SecurityContext{}))
	return c
}

// containerPorts reads port, which is named http, and the further ones in
// ports: numbers, or objects in the form of Kubernetes.
func containerPorts(f fields) []any {
	var all []any
	numbers, names := map[string]string{}, map[string]string{}
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
	set(p, "hostPort", e.port("hostPort"))
	set(p, "hostIP", e.text("hostIP", validator.IP))
	return p
}

func resources(f fields) map[string]any {
	r, _ := f.object("resources")
	limits, requests := r.quantities("limits"), r.quantities("requests")
	for name, request := range requests {
		limit, limited := limits[name]
		if !limited {
			continue
		}
		asked, err := resource.ParseQuantity(request)
		most, err2 := resource.ParseQuantity(limit)
		if err == nil && err2 == nil && asked.Cmp(most) > 0 {
			r.addf("requests."+name, "%s is more than the limit of %s", request, limit)
		}
	}
	out := map[string]any{}
	set(out, "limits", limits)
	set(out, "requests", requests)
	return out
}

// probe reads a probe in the form of Kubernetes, or in short: path and port
// for an HTTP request, port for a connection, command for a program.
func probe(f fields, key string) any {
	d, ok := f.object(key)
	if !ok {
		return nil
	}
	var typed corev1.Probe
	plain := f.decodeValue(key, longProbe(f, d), &typed)
	if plain == nil {
		return nil
	}
	if msg := probeFault(key, typed); msg != "" {
		f.addf(key, "%s", msg)
	}
	return plain
}

func longProbe(f, d fields) map[string]any {
	p, _ := withoutNulls(map[string]any(d.data)).(map[string]any)
	path, port, command := p["path"], p["port"], p["command"]
	for _, short := range []string{"path", "port", "command"} {
		delete(p, short)
	}
	if port == nil {
		port = f.data["port"]
	}
	switch {
	case path != nil:
		p["httpGet"] = map[string]any{"path": path, "port": port}
	case command != nil:
		p["exec"] = map[string]any{"command": command}
	case d.data.Has("port"):
		p["tcpSocket"] = map[string]any{"port": port}
	}
	return p
}

func probeFault(key string, p corev1.Probe) string {
	handlers := 0
	for _, has := range []bool{p.Exec != nil, p.HTTPGet != nil, p.TCPSocket != nil, p.GRPC != nil} {
		if has {
			handlers++
		}
	}
	switch {
	case handlers != 1:
		return "must have exactly one of httpGet, tcpSocket, exec and grpc"
	case p.HTTPGet != nil && !goodPort(p.HTTPGet.Port):
		return "httpGet.port must be a port's number or name"
	case p.TCPSocket != nil && !goodPort(p.TCPSocket.Port):
		return "tcpSocket.port must be a port's number or name"
	case p.GRPC != nil && !goodPort(intstr.FromInt32(p.GRPC.Port)):
		return "grpc.port must be a port's number"
	case p.Exec != nil && len(p.Exec.Command) == 0:
		return "exec.command must not be empty"
	case min(p.InitialDelaySeconds, p.PeriodSeconds, p.TimeoutSeconds, p.SuccessThreshold, p.FailureThreshold) < 0:
		return "must not have negative seconds or thresholds"
	case key != "readinessProbe" && p.SuccessThreshold > 1:
		return "successThreshold must be 1"
	}
	return ""
}

func goodPort(p intstr.IntOrString) bool {
	if p.Type == intstr.String {
		return validator.PortName(p.StrVal) == ""
	}
	return p.IntVal >= 1 && p.IntVal <= 65535
}
