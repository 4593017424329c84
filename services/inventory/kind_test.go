package inventory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func TestIsSystem(t *testing.T) {
	t.Parallel()
	const rbac = "rbac.authorization.k8s.io"
	for name, tc := range map[string]struct {
		ref  models.ResourceRef
		want bool
	}{
		"a pod of the system":                      {models.ResourceRef{Kind: "Pod", Namespace: "kube-system", Name: "dns"}, true},
		"a certificate beside its operator":        {models.ResourceRef{Group: "cert-manager.io", Kind: "Certificate", Namespace: "cert-manager"}, true},
		"a pod of an application":                  {models.ResourceRef{Kind: "Pod", Namespace: "shop", Name: "web"}, false},
		"a Node":                                   {models.ResourceRef{Kind: "Node", Name: "n1"}, true},
		"a custom resource called Node":            {models.ResourceRef{Group: "example.com", Kind: "Node", Name: "n1"}, false},
		"the ConfigMap that every namespace has":   {models.ResourceRef{Kind: "ConfigMap", Namespace: "shop", Name: "kube-root-ca.crt"}, true},
		"another ConfigMap":                        {models.ResourceRef{Kind: "ConfigMap", Namespace: "shop", Name: "settings"}, false},
		"the Service of the API server":            {models.ResourceRef{Kind: "Service", Namespace: "default", Name: "kubernetes"}, true},
		"the Namespace of the system":              {models.ResourceRef{Kind: "Namespace", Name: "linkerd"}, true},
		"another Namespace":                        {models.ResourceRef{Kind: "Namespace", Name: "shop"}, false},
		"a ClusterRole that every cluster has":     {models.ResourceRef{Group: rbac, Kind: "ClusterRole", Name: "system:node"}, true},
		"a ClusterRole for people":                 {models.ResourceRef{Group: rbac, Kind: "ClusterRole", Name: "view"}, true},
		"another ClusterRole":                      {models.ResourceRef{Group: rbac, Kind: "ClusterRole", Name: "viewer"}, false},
		"a volume, whose name is that of a system": {models.ResourceRef{Kind: "PersistentVolume", Name: "kube-system"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, IsSystem(tc.ref))
		})
	}
}

func TestChildKind(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string][2]string{
		"Deployment": {"Pod", "pods"}, "StatefulSet": {"Pod", "pods"}, "DaemonSet": {"Pod", "pods"}, "Job": {"Pod", "pods"},
		"CronJob": {"Job", "jobs"}, "Pod": {}, "Service": {}, "": {},
	} {
		child, list, ok := ChildKind(kind)
		require.Equal(t, want, [2]string{child, list}, kind)
		require.Equal(t, child != "", ok, kind)
	}
	require.True(t, HasLogs("Pod") && HasTerminal("Pod"))
	require.False(t, HasLogs("Job") || HasTerminal("Deployment"))
}

func TestAge(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Hour: "0s", 59 * time.Second: "59s", time.Minute: "1m", 90 * time.Minute: "1h", 47 * time.Hour: "1d", 400 * 24 * time.Hour: "400d",
	} {
		require.Equal(t, want, age(d))
	}
}
