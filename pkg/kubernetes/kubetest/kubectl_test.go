package kubetest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// kubectl returns a command of devcluster's kubectl, with the plugins in plugins.
func kubectl(t *testing.T, c *kubetest.Cluster, plugins string, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := kubetest.FindBinary()
	require.NoError(t, err)
	args = append([]string{"kubectl", "--kubeconfig", filepath.Join(c.Dir(), "kubeconfig")}, args...)
	cmd := exec.CommandContext(t.Context(), binary, args...) //nolint:gosec // our own binary, or DEVCLUSTER_BIN
	cmd.Env = append(os.Environ(), "PATH="+plugins, "HOME="+t.TempDir())
	return cmd
}

func TestKubectlAppliesAndFailsAsUsual(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	namespace := c.Namespace(t)
	manifest := `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"color": "blue"}}`
	apply := kubectl(t, c, "", "apply", "--server-side", "-n", namespace, "-f", "-")
	apply.Stdin = strings.NewReader(manifest)
	out, err := apply.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "configmap/settings serverside-applied\n", string(out))

	settings, err := c.Client().CoreV1().ConfigMaps(namespace).Get(t.Context(), "settings", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"color": "blue"}, settings.Data)
	require.Equal(t, "kubectl", settings.ManagedFields[0].Manager)

	out, err = kubectl(t, c, "", "get", "configmap", "-n", namespace, "missing").CombinedOutput()
	require.ErrorContains(t, err, "exit status 1")
	require.Equal(t, "Error from server (NotFound): configmaps \"missing\" not found\n", string(out))
}

func TestKubectlRunsNoPlugins(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	plugins := t.TempDir()
	script := []byte("#!/bin/sh\necho surprised\n")
	require.NoError(t, os.WriteFile(filepath.Join(plugins, "kubectl-surprise"), script, 0o700)) //nolint:gosec // plugins are executable
	out, err := kubectl(t, c, plugins, "surprise").CombinedOutput()
	require.ErrorContains(t, err, "exit status 1")
	require.Contains(t, string(out), `unknown command "surprise"`)
}
