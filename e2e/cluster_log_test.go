package e2e

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// logOf returns the log of the cluster dev, the oldest entry first.
func (p *person) logOf(t *testing.T, query string) (entries []object) {
	t.Helper()
	answer := p.ask(t, 200, "GET", "/clusters/dev/logs"+query, nil)
	require.Equal(t, dev, answer["cluster"])
	for _, e := range answer["logs"].([]any) {
		entries = append(entries, e.(object))
	}
	slices.Reverse(entries)
	return entries
}

// actions returns what the entries are about, "-" before those of failures.
func actions(entries []object) (list []string) {
	for _, e := range entries {
		action, _ := e["action"].(string)
		if e["success"] != true {
			action = "-" + action
		}
		list = append(list, action)
	}
	return list
}

func TestClusterLog(t *testing.T) {
	t.Parallel()
	cluster, dir := shared.Cluster(t), dataDir(t)
	server := startIn(t, dir)
	ann := server.ann()
	bob := ann.bob()
	ann.addCluster(t, cluster)
	require.Equal(t, 404, bob.call(t, "GET", api+"/clusters/dev/logs", bob.token, "").StatusCode)

	ann.ask(t, 200, "POST", "/clusters/dev/test", nil)
	ann.ask(t, 200, "PUT", "/clusters/dev", object{"displayName": "Dev", "credentials": object{"namespace": "default"}})
	ann.ask(t, 200, "PUT", "/clusters/dev/credentials", object{"credentials": object{"token": "no-token-at-all"}})
	require.Equal(t, 503, ann.call(t, "POST", api+"/clusters/dev/test", ann.token, "").StatusCode)
	ann.ask(t, 200, "PUT", "/clusters/dev/credentials", object{"credentials": object{"token": cluster.Token()}})
	ann.ask(t, 200, "PUT", "/clusters/dev/default", nil)
	shareID := ann.share(t, bob, "viewer")
	id := ann.draw(t, []object{node("conf", "configmap", cluster.Namespace(t), "conf", "data", object{"a": "b"})}, edges())
	ann.run(t, id, nil)

	entries := ann.logOf(t, "")
	require.Equal(t, []string{
		"added", "status_changed", "tested", "updated", "credentials_changed", "-status_changed", "-tested",
		"credentials_changed", "status_changed", "default_set", "shared", "deployed",
	}, actions(entries))
	for _, e := range entries {
		require.NotEmpty(t, e["id"])
		require.NotEmpty(t, e["message"])
		require.NotEmpty(t, e["timestamp"])
		require.Contains(t, []any{"info", "warning", "error"}, e["level"])
		require.Equal(t, e["action"] == "status_changed", e["userId"] == "", "%v", e)
	}
	require.Equal(t, "displayName, credentials", entries[3]["details"].(object)["fields"])
	require.Contains(t, entries[6]["error"], "credentials")
	require.NotContains(t, fmt.Sprint(entries), "no-token-at-all")
	require.NotContains(t, fmt.Sprint(entries), cluster.Token())
	require.Equal(t, id, entries[11]["details"].(object)["workflow"])

	require.Equal(t, []string{"shared", "deployed"}, actions(ann.logOf(t, "?limit=2")), "the newest ones")
	for _, outOfRange := range []string{"0", "1001", "-1", "many"} {
		require.Len(t, ann.logOf(t, "?limit="+outOfRange), len(entries))
	}

	bob.ask(t, 200, "POST", "/clusters/dev/test", nil)
	annID := entries[1]["userId"]
	last := bob.logOf(t, "?limit=1")[0]
	require.Equal(t, "tested", last["action"])
	require.NotContains(t, []any{"", annID}, last["userId"], "his own")
	ann.ask(t, 200, "DELETE", "/clusters/dev/shares/"+shareID, nil)
	require.Equal(t, 404, bob.call(t, "GET", api+"/clusters/dev/logs", bob.token, "").StatusCode)
	require.Equal(t, []string{"tested", "unshared"}, actions(ann.logOf(t, "?limit=2")))

	ann.ask(t, 200, "DELETE", "/clusters/dev", nil)
	server.stop(t)
	withDatabase(t, dir, func(db *database.DB) {
		left, err := db.Database().Collection(database.ClusterLogs).EstimatedDocumentCount(t.Context())
		require.NoError(t, err)
		require.Zero(t, left, "the log goes with its cluster")
	})
}

const controlPlane = "node-role.kubernetes.io/control-plane"

// keptFree returns whether a node's control-plane taint keeps work out.
func keptFree(t *testing.T, c *kubetest.Cluster, name string) bool {
	t.Helper()
	n, err := c.Client().CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return slices.ContainsFunc(n.Spec.Taints, func(tn corev1.Taint) bool { return tn.Key == controlPlane })
}

func TestSingleNode(t *testing.T) {
	t.Parallel()
	cluster := kubetest.NewPrivate(t, "--nodes=1").Cluster
	_, err := cluster.Client().CoreV1().Nodes().Create(t.Context(), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "plane", Labels: map[string]string{controlPlane: ""}},
		Spec:       corev1.NodeSpec{Taints: []corev1.Taint{{Key: controlPlane, Effect: corev1.TaintEffectNoSchedule}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	ann := start(t).ann()

	ann.addCluster(t, cluster)
	require.True(t, keptFree(t, cluster, "plane"), "nobody asked for it")
	changed := ann.ask(t, 200, "PUT", "/clusters/dev", object{"singleNode": true})
	require.Equal(t, "cluster updated; the control plane's taints were removed from plane", changed["message"])
	require.False(t, keptFree(t, cluster, "plane"))
	changed = ann.ask(t, 200, "PUT", "/clusters/dev", object{"singleNode": true, "displayName": "One"})
	require.Equal(t, "cluster updated", changed["message"], "it is as wanted")
	changed = ann.ask(t, 200, "PUT", "/clusters/dev", object{"singleNode": false})
	require.Contains(t, changed["message"], "taints were put back on plane")
	require.True(t, keptFree(t, cluster, "plane"))
	ann.ask(t, 200, "PUT", "/clusters/dev", object{"singleNode": false})
	ann.ask(t, 200, "DELETE", "/clusters/dev", nil)

	in := clusterInput(dev, cluster)
	in["singleNode"] = true
	added := ann.ask(t, 201, "POST", "/clusters", in)
	require.Equal(t, "connected", added["status"])
	require.Contains(t, added["message"], "taints were removed from plane")
	entries := ann.logOf(t, "?limit=1")
	require.Equal(t, []string{"taints_changed"}, actions(entries))
	require.Equal(t, object{"singleNode": "true", "nodes": "plane"}, entries[0]["details"])
	trail := ann.ask(t, 200, "GET", "/admin/audit?action=cluster.create", nil)
	require.Contains(t, fmt.Sprint(trail["entries"]), "taints removed:plane")
	ann.ask(t, 200, "PUT", "/clusters/dev", object{"singleNode": false})
	ann.ask(t, 200, "DELETE", "/clusters/dev", nil)

	in["credentials"].(object)["token"] = readerOfNodes(t, cluster)
	added = ann.ask(t, 201, "POST", "/clusters", in)
	require.Equal(t, "connected", added["status"], "the registration does not fail")
	require.Contains(t, added["message"], "taints could not be removed: ")
	require.True(t, keptFree(t, cluster, "plane"))
	entries = ann.logOf(t, "?limit=1")
	require.Equal(t, []string{"-taints_changed"}, actions(entries))
	require.Equal(t, "warning", entries[0]["level"])
}

// readerOfNodes returns the token of a service account that may read everything
// and change nothing.
func readerOfNodes(t *testing.T, c *kubetest.Cluster) string {
	t.Helper()
	_, err := c.Client().RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"get", "list"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = c.Client().RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: "default"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	token, err := c.Client().CoreV1().ServiceAccounts("default").CreateToken(t.Context(), "default", &authv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	return token.Status.Token
}
