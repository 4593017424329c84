package inventory

import (
	"slices"
	"strings"

	"github.com/kubeorch/core/models"
)

// IsSystem reports whether an object belongs to the cluster itself or to what usually
// runs beside the applications, which lists may leave out.
func IsSystem(ref models.ResourceRef) bool {
	switch {
	case systemNamespace(ref.Namespace):
		return true
	case ref.Group == "rbac.authorization.k8s.io" && ref.Kind == "ClusterRole":
		builtin := []string{"admin", "cluster-admin", "edit", "view"}
		return strings.HasPrefix(ref.Name, "system:") || slices.Contains(builtin, ref.Name)
	case ref.Group != "":
		return false
	}
	switch ref.Kind {
	case "Node":
		return true
	case "ConfigMap":
		return ref.Name == "kube-root-ca.crt"
	case "Service":
		return ref.Name == "kubernetes"
	case "Namespace":
		return systemNamespace(ref.Name)
	}
	return false
}

func systemNamespace(name string) bool {
	switch name {
	case "kube-system", "kube-public", "kube-node-lease", "kube-flannel", "ingress-nginx", "kubernetes-dashboard",
		"metallb-system", "cert-manager", "monitoring", "istio-system", "linkerd":
		return true
	}
	return false
}
