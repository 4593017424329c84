package diagnostics

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/findings"
)

// suggestPort returns the change that leads the drawn ports to ports that containers
// have, as far as there is no choice: a Service's own number, or the only port.
func suggestPort(data models.Data, declared []corev1.ContainerPort) models.Data {
	if entries := data.Objects("ports"); len(entries) > 0 {
		ports := make([]any, len(entries))
		changed := false
		for i, e := range entries {
			copied := subject{node: models.Node{Data: e}}
			if target := targetFor(e, declared); target != 0 {
				copied = copied.changed(models.Data{"targetPort": target})
				changed = true
			}
			ports[i] = map[string]any(copied.node.Data)
		}
		if !changed {
			return nil
		}
		return models.Data{"ports": ports}
	}
	if target := targetFor(data, declared); target != 0 {
		return models.Data{"targetPort": target}
	}
	return nil
}

// targetFor returns another target of a drawn port, or 0 where the drawn one is fine or
// there is a choice.
func targetFor(data models.Data, declared []corev1.ContainerPort) int64 {
	number, _ := data.Int("port")
	port := corev1.ServicePort{Port: int32(number), Protocol: corev1.Protocol(data.String("protocol"))} //nolint:gosec // checked when it is planned
	if n, ok := data.Int("targetPort"); ok {
		port.TargetPort = intstr.FromInt32(int32(n)) //nolint:gosec // the same
	} else if name := data.String("targetPort"); name != "" {
		port.TargetPort = intstr.FromString(name)
	}
	if findings.HasPort(declared, port) {
		return 0
	}
	same := corev1.ServicePort{Port: port.Port, Protocol: port.Protocol}
	if findings.HasPort(declared, same) {
		return number
	}
	var fitting []int32
	for _, d := range declared {
		if findings.HasPort(declared, corev1.ServicePort{Port: d.ContainerPort, Protocol: port.Protocol}) && !slices.Contains(fitting, d.ContainerPort) {
			fitting = append(fitting, d.ContainerPort)
		}
	}
	if len(fitting) != 1 {
		return 0
	}
	return int64(fitting[0])
}
