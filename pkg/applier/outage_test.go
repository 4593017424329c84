package applier

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// TestClusterThatHangsOrDies applies a wave to a cluster that hangs and to one that
// has stopped. The whole wave fails in bounded time; after the cluster is back, the
// same wave succeeds.
func TestClusterThatHangsOrDies(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a cluster of its own and waits for time-outs")
	}
	private := kubetest.NewPrivate(t, "--nodes=1")
	b := fixtureIn(t, private.Cluster)
	b.one(Created, configMap)
	var wave []Request
	for i := range 40 {
		wave = append(wave, Request{Object: b.object(fmt.Sprintf(`{apiVersion: v1, kind: ConfigMap, metadata: {name: cm-%d}}`, i))})
	}
	fails := func(within time.Duration) {
		t.Helper()
		began := time.Now()
		for _, c := range b.by("w1").Apply(t.Context(), wave, nil) {
			require.Equal(t, Failed, c.Action)
			require.Contains(t, []kubernetes.Reason{kubernetes.Timeout, kubernetes.Unreachable}, kubernetes.ReasonOf(c.Err), c.Message)
			require.True(t, strings.HasPrefix(c.Message, "ConfigMap "+b.ns+"/cm-"), c.Message)
		}
		require.Less(t, time.Since(began), within)
	}
	private.Pause(t)
	fails(45 * time.Second)
	private.Resume(t)
	done := b.by("w1").Apply(t.Context(), wave, nil)
	for _, c := range done {
		require.Contains(t, []Action{Created, Unchanged}, c.Action, c.Message)
	}
	private.Stop()
	fails(30 * time.Second)
	private.Restart(t)
	for _, c := range b.by("w1").Apply(t.Context(), wave, nil) {
		require.Equal(t, Unchanged, c.Action, c.Message)
	}
}
