package kubernetes_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

const (
	controlPlane = "node-role.kubernetes.io/control-plane"
	master       = "node-role.kubernetes.io/master"
	remembered   = "kubeorch.io/removed-taints"
)

func taint(key string, effect corev1.TaintEffect) corev1.Taint {
	return corev1.Taint{Key: key, Effect: effect}
}

// nodes creates the nodes of a small cluster whose control plane has taints.
func nodes(t *testing.T, c *kubetest.Private) {
	t.Helper()
	role := map[string]string{controlPlane: ""}
	for _, n := range []corev1.Node{
		{ObjectMeta: metav1.ObjectMeta{Name: "plane-1", Labels: role}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{
			taint("mine", corev1.TaintEffectNoSchedule), taint(controlPlane, corev1.TaintEffectNoSchedule), taint(master, corev1.TaintEffectNoSchedule),
		}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "plane-2", Labels: role}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{
			taint(controlPlane, corev1.TaintEffectNoSchedule),
		}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "plane-3", Labels: role}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{
			taint(controlPlane, corev1.TaintEffectNoExecute),
		}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "plane-4", Labels: role}},
		{ObjectMeta: metav1.ObjectMeta{Name: "worker", Annotations: map[string]string{"note": "x"}}},
	} {
		// New nodes get a taint of the cluster until they are ready.
		want := n.Spec.Taints
		made, err := c.Client().CoreV1().Nodes().Create(t.Context(), &n, metav1.CreateOptions{})
		require.NoError(t, err)
		require.Subset(t, made.Spec.Taints, want)
	}
}

// taints returns the keys of a node's taints, without those that the cluster sets.
func taints(t *testing.T, c *kubetest.Private, name string) (keys []string) {
	t.Helper()
	n, err := c.Client().CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	for _, tn := range n.Spec.Taints {
		switch tn.Key {
		case controlPlane, master, "mine":
			keys = append(keys, tn.Key+":"+string(tn.Effect))
		}
	}
	return keys
}

func annotation(t *testing.T, c *kubetest.Private, name string) string {
	t.Helper()
	n, err := c.Client().CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return n.Annotations[remembered]
}

func TestControlPlaneIsOpenedAndClosed(t *testing.T) {
	t.Parallel()
	cluster := kubetest.NewPrivate(t, "--nodes=1")
	nodes(t, cluster)
	conn := dial(t, kubernetes.Config{AuthType: kubernetes.AuthKubeconfig, Kubeconfig: string(cluster.Kubeconfig())})

	changed, err := conn.CloseControlPlane(t.Context())
	require.NoError(t, err)
	require.Empty(t, changed, "nothing was opened")

	changed, err = conn.OpenControlPlane(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"plane-1", "plane-2"}, changed)
	require.Equal(t, []string{"mine:NoSchedule"}, taints(t, cluster, "plane-1"))
	require.Empty(t, taints(t, cluster, "plane-2"))
	require.Equal(t, []string{controlPlane + ":NoExecute"}, taints(t, cluster, "plane-3"), "another effect")
	changed, err = conn.OpenControlPlane(t.Context())
	require.NoError(t, err)
	require.Empty(t, changed, "it is open already")

	// In the meantime one node becomes a worker, and another gets a taint by hand.
	relabel := `{"metadata":{"labels":{"` + controlPlane + `":null}}}`
	_, err = cluster.Client().CoreV1().Nodes().Patch(t.Context(), "plane-2", types.MergePatchType, []byte(relabel), metav1.PatchOptions{})
	require.NoError(t, err)
	require.NotEmpty(t, annotation(t, cluster, "plane-2"))

	changed, err = conn.CloseControlPlane(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"plane-1", "plane-2"}, changed)
	require.ElementsMatch(t, []string{"mine:NoSchedule", controlPlane + ":NoSchedule", master + ":NoSchedule"}, taints(t, cluster, "plane-1"))
	require.Empty(t, taints(t, cluster, "plane-2"), "no part of the control plane any more")
	require.Empty(t, taints(t, cluster, "plane-4"), "it never had one")
	for _, name := range []string{"plane-1", "plane-2", "worker"} {
		require.Empty(t, annotation(t, cluster, name))
	}
	changed, err = conn.CloseControlPlane(t.Context())
	require.NoError(t, err)
	require.Empty(t, changed)

	// Users cannot add other taints through the annotation.
	forged := `{"metadata":{"annotations":{"` + remembered + `":"[{\"key\":\"evil\",\"effect\":\"NoExecute\"}]"}}}`
	_, err = cluster.Client().CoreV1().Nodes().Patch(t.Context(), "plane-4", types.MergePatchType, []byte(forged), metav1.PatchOptions{})
	require.NoError(t, err)
	_, err = conn.CloseControlPlane(t.Context())
	require.NoError(t, err)
	n, err := cluster.Client().CoreV1().Nodes().Get(t.Context(), "plane-4", metav1.GetOptions{})
	require.NoError(t, err)
	for _, tn := range n.Spec.Taints {
		require.NotEqual(t, "evil", tn.Key)
	}

	t.Run("without the right to", func(t *testing.T) {
		reader := mayOnlyReadNodes(t, cluster)
		_, err := reader.OpenControlPlane(t.Context())
		require.Equal(t, kubernetes.Forbidden, kubernetes.ReasonOf(err), "%v", err)
		require.NotEmpty(t, taints(t, cluster, "plane-1"))
	})
}

// mayOnlyReadNodes returns a connection as a service account that may only read
// nodes.
func mayOnlyReadNodes(t *testing.T, c *kubetest.Private) *kubernetes.Connection {
	t.Helper()
	rbac := c.Client().RbacV1()
	_, err := rbac.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "node-reader"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"get", "list"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "node-reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "node-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: "default"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	token, err := c.Client().CoreV1().ServiceAccounts("default").CreateToken(t.Context(), "default", &authv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	return dial(t, kubernetes.Config{
		Server: c.Server(), AuthType: kubernetes.AuthServiceAccount, Token: token.Status.Token, CAData: string(c.CA()),
	})
}
