package kubetest_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// TestDataAndAddressSurviveStopAndCrash also checks that no process is left.
func TestDataAndAddressSurviveStopAndCrash(t *testing.T) {
	t.Parallel()
	c := kubetest.NewPrivate(t, "--nodes=1")
	server := c.Server()
	_, err := c.Client().CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "kept"},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	for _, end := range []func(){c.Kill, c.Stop} {
		end()
		kubetest.Eventually(t, "the end of all components", func(context.Context) error {
			if left := processesOf(t, c.Dir()); len(left) > 0 {
				return fmt.Errorf("still there: %q", left)
			}
			return nil
		})
		c.Restart(t)
		require.Equal(t, server, c.Server())
		_, err = c.Client().CoreV1().ConfigMaps("default").Get(t.Context(), "kept", metav1.GetOptions{})
		require.NoError(t, err)
	}
	namespace := c.Namespace(t)
	deploy(t, c.Cluster, namespace, template(""), 1)
	kubetest.Eventually(t, "a ready deployment", deploymentReady(c.Cluster, namespace))
}

// processesOf lists the command lines that mention dir.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	var found []string
	for _, file := range files {
		// A process may end while we look at it.
		if line, err := os.ReadFile(file); err == nil && bytes.Contains(line, []byte(dir)) {
			found = append(found, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return found
}

func TestPausedServerAcceptsAndStaysSilent(t *testing.T) {
	t.Parallel()
	c := kubetest.NewPrivate(t, "--nodes=0")
	server, err := url.Parse(c.Server())
	require.NoError(t, err)
	c.Pause(t)
	conn, err := net.Dial("tcp", server.Host)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	answered := make(chan error, 1)
	go func() { answered <- c.Client().CoreV1().RESTClient().Get().AbsPath("/readyz").Do(t.Context()).Error() }()
	select {
	case err := <-answered:
		t.Fatalf("the server answered: %v", err)
	default:
	}
	c.Resume(t)
	require.NoError(t, <-answered)
}
