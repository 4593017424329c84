package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// A run outlasts a primary that steps down for ten seconds: it is finished once,
// and counted once.
func TestPrimaryStepsDownInARun(t *testing.T) {
	t.Parallel()
	const count = 200
	cluster := shared.Cluster(t)
	s := startServers(t, 2)
	ann := s.all[0].ann()
	ann.addCluster(t, cluster)
	id := ann.draw(t, manyConfigMaps(cluster.Namespace(t), count), edges())
	there := watchConfigMaps(t, cluster, id, 1)
	ann.startRun(t, id)
	<-there
	s.db.stepDown(t, 10)
	for _, server := range s.all {
		server.awaitReady(t)
	}
	ann = ann.on(s.all[1])
	run := ann.awaitEnd(t, id, ann.runs(t, id)[0].(object)["id"].(string))
	require.Equal(t, "completed", run["status"], run["error"])
	require.Equal(t, count, countConfigMaps(t, cluster, id))
	require.Len(t, ann.runs(t, id), 1)
	require.EqualValues(t, 1, ann.ask(t, http.StatusOK, "GET", "/workflows/"+id+"/versions", nil)["total"])
	kubetest.Eventually(t, "the counters", func(context.Context) error {
		w := ann.ask(t, http.StatusOK, "GET", "/workflows/"+id, nil)
		if w["run_count"] != 1.0 || w["success_count"] != 1.0 {
			return fmt.Errorf("%v runs, %v of them good", w["run_count"], w["success_count"])
		}
		return nil
	})
}
