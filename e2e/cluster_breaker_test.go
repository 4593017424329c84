package e2e

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// A cluster that is away costs its callers next to nothing, and the first run
// after its return finds it there.
func TestDeadClusterCostsMilliseconds(t *testing.T) {
	t.Parallel()
	cluster := kubetest.NewPrivate(t, "--nodes=0")
	ann := start(t).ann()
	ann.addCluster(t, cluster.Cluster)
	id := ann.draw(t, []object{node("conf", "configmap", "default", "conf", "data", object{"a": "b"})}, edges())
	ann.run(t, id, nil)

	cluster.Kill()
	awaitUnreachable(t, cluster)
	for range 5 {
		ann.ask(t, http.StatusServiceUnavailable, "POST", "/clusters/dev/test", nil)
	}
	var took []time.Duration
	for range 20 {
		begin := time.Now()
		ann.ask(t, http.StatusServiceUnavailable, "POST", "/clusters/dev/refresh", nil)
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	run := ann.runFails(t, id)
	require.Contains(t, run["error"], "refuses connections")
	t.Logf("away: refresh %s (median of 20), run failed after %v ms: %v", took[10], run["duration"], run["error"])

	cluster.Restart(t)
	begin := time.Now()
	ann.run(t, id, nil)
	t.Logf("back: the first run completed after %s", time.Since(begin).Round(time.Millisecond))
	require.Equal(t, "connected", ann.ask(t, http.StatusOK, "POST", "/clusters/dev/test", nil)["status"])
}
