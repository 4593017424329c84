package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// A cluster that is gone, and one that dies in the middle of a run, fail the
// run; the next run completes it, and nothing is taken for deleted meanwhile.
func TestClusterGoesAndReturns(t *testing.T) {
	t.Parallel()
	const count = 400
	cluster := kubetest.NewPrivate(t)
	ann := start(t).ann()
	ann.addCluster(t, cluster.Cluster)
	web := node("web", "deployment", "shop", "web", "image", "nginx", "replicas", 2)
	id := ann.draw(t, []object{web, node("conf", "configmap", "shop", "conf", "data", object{"a": "b"})}, edges("conf>web"))
	ann.run(t, id, nil)
	watched := ann.streamStatus(t, id)
	good := map[string]string{"web": "healthy", "conf": "created"}
	watched.untilStates(t, good)

	cluster.Kill()
	awaitUnreachable(t, cluster)
	run := ann.runFails(t, id)
	require.Regexp(t, "(?i)refused|reach|connect", run["error"])
	require.Less(t, run["duration"], 30_000.0)
	require.NotContains(t, fmt.Sprint(ann.statuses(t, id)), "delete")
	require.Equal(t, "healthy", ann.statuses(t, id)["web"]["state"], "nobody knows better")
	tested := ann.call(t, "POST", api+"/clusters/dev/test", ann.token, "")
	require.Equal(t, 503, tested.StatusCode, tested.text)
	require.Equal(t, "failed", tested.json(t)["status"])

	cluster.Restart(t)
	ann.ask(t, 200, "POST", "/clusters/dev/test", nil)
	web["data"].(object)["replicas"] = 3
	many := append([]object{web, node("conf", "configmap", "shop", "conf", "data", object{"a": "b"})}, manyConfigMaps("shop", count)...)
	ann.save(t, id, many, edges("conf>web"))
	there := watchConfigMaps(t, cluster.Cluster, id, 20)
	ann.startRun(t, id)
	<-there
	runID := ann.awaitRunning(t, id)
	cluster.Kill()
	run = ann.awaitEnd(t, id, runID)
	require.Equal(t, "failed", run["status"], "it was to die before the run was done")
	require.Regexp(t, "(?i)refused|reach|connect|broke", run["error"])
	reported := map[string]int{}
	for _, state := range run["node_states"].(object) {
		reported[state.(object)["status"].(string)]++
	}
	t.Logf("the cluster died when nodes were %v", reported)
	require.Positive(t, reported["completed"], "what was applied is reported")
	require.Positive(t, reported["failed"]+reported["skipped"])

	cluster.Restart(t)
	ann.run(t, id, nil)
	require.Equal(t, count+1, countConfigMaps(t, cluster.Cluster, id))
	watched.until(t, "the stream to go on", func() error {
		if fmt.Sprint(watched.status["web"]["readyReplicas"]) != "3" {
			return fmt.Errorf("it says %v", watched.status["web"])
		}
		return nil
	})
}

func TestRefusedCredentials(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	ann := newPerson(t, "ann")
	in := clusterInput(dev, cluster)
	in["credentials"].(object)["token"] = "not-the-token-of-this-cluster"
	added := ann.ask(t, 201, "POST", "/clusters", in)
	require.Equal(t, "error", added["status"])
	require.Equal(t, "error", added["cluster"].(object)["status"])
	id := ann.draw(t, []object{node("conf", "configmap", "nowhere", "conf")}, edges())
	run := ann.runFails(t, id)
	require.Contains(t, run["error"], "credentials")
	require.NotContains(t, run["error"], "not-the-token")

	ann.ask(t, 200, "PUT", "/clusters/dev/credentials", object{"credentials": object{"token": cluster.Token()}})
	namespace := cluster.Namespace(t)
	ann.save(t, id, []object{node("conf", "configmap", namespace, "conf")}, edges())
	ann.run(t, id, nil)
}
