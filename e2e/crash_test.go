package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// The run of a server that is killed goes on in the next one.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	const count = 200
	cluster, dir := shared.Cluster(t), dataDir(t)
	namespace := cluster.Namespace(t)
	server := startIn(t, dir)
	ann := server.ann()
	ann.addCluster(t, cluster)
	nodes := append(manyConfigMaps(namespace, count),
		node("web", "deployment", namespace, "web", "image", "nginx", "replicas", 0))
	id := ann.draw(t, nodes, edges())

	there := watchConfigMaps(t, cluster, id, 1)
	ann.startRun(t, id)
	<-there
	server.kill(t)
	t.Logf("killed when %d of %d ConfigMaps were there", countConfigMaps(t, cluster, id), count)

	again := startIn(t, dir)
	ann = ann.on(again)
	first := ann.runs(t, id)[0].(object)
	run := ann.awaitEnd(t, id, first["id"].(string))
	require.Equal(t, "completed", run["status"], run["error"])
	require.Len(t, run["node_states"], len(nodes))
	require.Equal(t, count, countConfigMaps(t, cluster, id))
	kubetest.Eventually(t, "the counters", func(context.Context) error {
		if w := ann.ask(t, 200, "GET", "/workflows/"+id, nil); w["run_count"] != 1.0 || w["success_count"] != 1.0 {
			return fmt.Errorf("%v runs, %v of them good", w["run_count"], w["success_count"])
		}
		return nil
	})
	ann.run(t, id, nil)
	require.Len(t, ann.runs(t, id), 2, "the lock is free")
	again.stop(t)
}

// A server that is asked to stop finishes its runs or hands them over.
func TestStoppedServer(t *testing.T) {
	t.Parallel()
	const count = 300
	cluster, dir := shared.Cluster(t), dataDir(t)
	namespace := cluster.Namespace(t)
	server := startIn(t, dir)
	ann := server.ann()
	ann.addCluster(t, cluster)
	id := ann.draw(t, manyConfigMaps(namespace, count), edges())
	watched := ann.streamStatus(t, id)

	there := watchConfigMaps(t, cluster, id, 1)
	ann.startRun(t, id)
	<-there
	took := server.stop(t)
	<-watched.done
	names := watched.names()
	require.Equal(t, "complete", names[len(names)-1], "the stream ends cleanly")
	t.Logf("stopped in %d ms with %d of %d ConfigMaps", took.Milliseconds(), countConfigMaps(t, cluster, id), count)

	again := startIn(t, dir)
	ann = ann.on(again)
	run := ann.awaitEnd(t, id, ann.runs(t, id)[0].(object)["id"].(string))
	require.Equal(t, "completed", run["status"], run["error"])
	require.Equal(t, count, countConfigMaps(t, cluster, id))
	again.stop(t)
}

// A cluster that hangs fails the run, naming the cause. A server that stops
// meanwhile hands the run over, and the next one finishes it once the cluster
// answers again.
func TestHangingCluster(t *testing.T) {
	t.Parallel()
	cluster, dir := kubetest.NewPrivate(t), dataDir(t)
	server := startIn(t, dir)
	ann := server.ann()
	ann.addCluster(t, cluster.Cluster)
	id := ann.draw(t, []object{node("conf", "configmap", "hangs", "conf", "data", object{"a": "b"})}, edges())

	cluster.Pause(t)
	ann.startRun(t, id)
	runID := ann.awaitRunning(t, id)
	require.Equal(t, 409, ann.call(t, "POST", api+"/workflows/"+id+"/run", ann.token, "").StatusCode)
	tested := ann.call(t, "POST", api+"/clusters/dev/test", ann.token, "")
	require.Equal(t, 503, tested.StatusCode, tested.text)
	require.Equal(t, "disconnected", ann.ask(t, 200, "GET", "/clusters/dev/status", nil)["status"])
	run := ann.awaitEnd(t, id, runID)
	require.Equal(t, "failed", run["status"])
	require.Contains(t, run["error"], "did not answer in time")
	t.Logf("the run failed after %v ms", run["duration"])
	cluster.Resume(t)
	ann.run(t, id, nil)

	ann.save(t, id, []object{node("conf", "configmap", "hangs", "conf", "data", object{"a": "c"})}, edges())
	cluster.Pause(t)
	ann.startRun(t, id)
	runID = ann.awaitRunning(t, id)
	t.Logf("stopped in %d ms", server.stop(t).Milliseconds())
	cluster.Resume(t)
	again := startIn(t, dir)
	ann = ann.on(again)
	require.Equal(t, "completed", ann.awaitEnd(t, id, runID)["status"])
	made, err := cluster.Client().CoreV1().ConfigMaps("hangs").Get(t.Context(), "conf", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "c", made.Data["a"])
	again.stop(t)
}
