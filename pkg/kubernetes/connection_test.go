package kubernetes_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// dial returns an unshared connection.
func dial(t *testing.T, cfg kubernetes.Config) *kubernetes.Connection {
	t.Helper()
	connector := kubernetes.NewConnector(kubernetes.Options{})
	t.Cleanup(connector.Close)
	conn, err := connector.Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { connector.Discard(conn) })
	return conn
}

func TestEveryWayToLogIn(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	file := kubernetes.Config{AuthType: kubernetes.AuthKubeconfig, Kubeconfig: string(cluster.Kubeconfig())}
	server, ca, token := cluster.Server(), string(cluster.CA()), cluster.Token()
	for name, tc := range map[string]struct {
		cfg    kubernetes.Config
		reason kubernetes.Reason // of the test's failure; "" means it passes
	}{
		"kubeconfig":      {file, ""},
		"token":           {kubernetes.Config{Server: server, AuthType: kubernetes.AuthToken, Token: token, CAData: ca}, ""},
		"insecure":        {kubernetes.Config{Server: server, AuthType: kubernetes.AuthToken, Token: token, Insecure: true}, ""},
		"service account": {kubernetes.Config{Server: server, AuthType: kubernetes.AuthServiceAccount, Token: cluster.SAToken(), CAData: ca}, ""},
		"certificate": {kubernetes.Config{
			Server: server, AuthType: kubernetes.AuthCertificate, CAData: ca,
			ClientCert: string(cluster.ClientCert()), ClientKey: string(cluster.ClientKey()),
		}, ""},
		"wrong token": {kubernetes.Config{Server: server, AuthType: kubernetes.AuthToken, Token: "wrong-token", CAData: ca}, kubernetes.Unauthorized},
		"no CA":       {kubernetes.Config{Server: server, AuthType: kubernetes.AuthToken, Token: token}, kubernetes.TLS},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := dial(t, tc.cfg).Test(t.Context())
			require.Equal(t, tc.reason, kubernetes.ReasonOf(err), "%v", err)
			if err != nil {
				require.NotContains(t, err.Error(), strings.TrimSpace(tc.cfg.Token))
			}
		})
	}
}

func admin(t *testing.T) *kubernetes.Connection {
	t.Helper()
	return dial(t, kubernetes.Config{AuthType: kubernetes.AuthKubeconfig, Kubeconfig: string(shared.Cluster(t).Kubeconfig())})
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	f, err := admin(t).Describe(t.Context())
	require.NoError(t, err)
	require.Contains(t, f.Version, "v1.")
	require.Contains(t, f.Platform, "linux/")
	require.Positive(t, f.NodeCount)
	require.NotEmpty(t, f.CPUCapacity)
	require.NotEmpty(t, f.MemoryCapacity)
	require.Contains(t, f.Namespaces, "kube-system")
	require.Contains(t, f.Capabilities, "custom-resources")
}

func TestKindsAreResolvedByTheCluster(t *testing.T) {
	t.Parallel()
	conn := admin(t)
	gvk, namespaced, err := conn.ResolveGVK(t.Context(), "apps", "Deployment")
	require.NoError(t, err)
	require.True(t, namespaced)
	require.Equal(t, schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, gvk)

	gvk, namespaced, err = conn.ResolveGVK(t.Context(), "rbac.authorization.k8s.io", "ClusterRole")
	require.NoError(t, err)
	require.False(t, namespaced)
	require.Equal(t, "v1", gvk.Version)

	_, _, err = conn.ResolveGVK(t.Context(), "nowhere.example", "Nothing")
	require.Equal(t, kubernetes.UnknownKind, kubernetes.ReasonOf(err))
	_, err = conn.Mapping(t.Context(), schema.GroupVersionKind{Group: "apps", Version: "v9", Kind: "Deployment"})
	require.Equal(t, kubernetes.UnknownKind, kubernetes.ReasonOf(err))
	require.ErrorContains(t, err, "version v9")
}
