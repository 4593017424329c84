package kinds

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubeorch/core/pkg/validator"
)

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
	liveness := key != "readinessProbe"
	switch msg := handlerFault(p.HTTPGet, p.TCPSocket, p.Exec, p.GRPC != nil); {
	case msg != "":
		return msg
	case p.GRPC != nil && !goodPort(intstr.FromInt32(p.GRPC.Port)):
		return "grpc.port must be a port's number"
	case min(p.InitialDelaySeconds, p.PeriodSeconds, p.TimeoutSeconds, p.SuccessThreshold, p.FailureThreshold) < 0:
		return "must not have negative seconds or thresholds"
	case liveness && p.SuccessThreshold > 1:
		return "successThreshold must be 1"
	case !liveness && p.TerminationGracePeriodSeconds != nil:
		return "must not have terminationGracePeriodSeconds: nothing ends when it fails"
	case p.TerminationGracePeriodSeconds != nil && *p.TerminationGracePeriodSeconds < 1:
		return "terminationGracePeriodSeconds must be at least 1"
	}
	return ""
}

// handlerFault says what is wrong with what a kubelet does at a container;
// another tells of one more way to do it, which the caller checks.
func handlerFault(get *corev1.HTTPGetAction, socket *corev1.TCPSocketAction, exec *corev1.ExecAction, another bool) string {
	ways := 0
	for _, has := range []bool{get != nil, socket != nil, exec != nil, another} {
		if has {
			ways++
		}
	}
	switch {
	case ways != 1:
		return "must have exactly one handler, such as httpGet, tcpSocket or exec"
	case get != nil && !goodPort(get.Port):
		return "httpGet.port must be a port's number or name"
	case get != nil && get.Scheme != "" && get.Scheme != corev1.URISchemeHTTP && get.Scheme != corev1.URISchemeHTTPS:
		return "httpGet.scheme must be HTTP or HTTPS"
	case get != nil && slices.ContainsFunc(get.HTTPHeaders, badHeader):
		return "httpGet.httpHeaders must have names of letters, digits and hyphens"
	case socket != nil && !goodPort(socket.Port):
		return "tcpSocket.port must be a port's number or name"
	case exec != nil && len(exec.Command) == 0:
		return "exec.command must not be empty"
	}
	return ""
}

func badHeader(h corev1.HTTPHeader) bool { return len(validation.IsHTTPHeaderName(h.Name)) > 0 }

// lifecycle reads what a kubelet does after a container's start and before its
// end, in the form of Kubernetes.
func lifecycle(f fields) any {
	var typed corev1.Lifecycle
	plain := f.decode("lifecycle", &typed)
	f.hook("lifecycle.postStart", typed.PostStart)
	f.hook("lifecycle.preStop", typed.PreStop)
	return plain
}

func (f fields) hook(key string, h *corev1.LifecycleHandler) {
	if h == nil {
		return
	}
	if msg := handlerFault(h.HTTPGet, h.TCPSocket, h.Exec, h.Sleep != nil); msg != "" {
		f.addf(key, "%s", msg)
	}
}

func goodPort(p intstr.IntOrString) bool {
	if p.Type == intstr.String {
		return validator.PortName(p.StrVal) == ""
	}
	return p.IntVal >= 1 && p.IntVal <= 65535
}
