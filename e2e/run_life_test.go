package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// imageOf is that of the Deployment web.
func imageOf(t *testing.T, c *kubetest.Cluster, namespace string) string {
	t.Helper()
	d, err := c.Client().AppsV1().Deployments(namespace).Get(t.Context(), "web", metav1.GetOptions{})
	require.NoError(t, err)
	return d.Spec.Template.Spec.Containers[0].Image
}

// A version that does not become healthy is taken back; later a person goes back to
// the first one.
func TestRunIsRolledBack(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	server := start(t)
	ann, bob := server.ann(), server.bob()
	ann.addCluster(t, cluster)
	namespace := cluster.Namespace(t)
	drawn := func(image string, pairs ...any) []object {
		return []object{
			node("web", "deployment", namespace, "web", append([]any{"image", image, "replicas", 1}, pairs...)...),
			node("conf", "configmap", namespace, "conf", "data", object{"image": image}),
			node("job", "job", namespace, "job", "image", "busybox"),
			node("data", "persistentvolumeclaim", namespace, "data", "storage", "1Gi", "accessModes", []any{"ReadWriteOnce"}),
		}
	}
	waiting := object{"wait": true, "wait_timeout_seconds": 300}
	id := ann.draw(t, drawn("nginx:1.1"), edges("conf>web"))
	path := "/workflows/" + id
	first := ann.ask(t, 200, "POST", path+"/run", waiting)
	require.Equal(t, "completed", ann.awaitEnd(t, id, first["run_id"].(string))["status"])
	ann.save(t, id, drawn("nginx:1.2"), edges("conf>web"))
	ann.run(t, id, nil)

	ann.save(t, id, drawn("nginx:none", "podAnnotations", failingPods("image-pull")), edges("conf>web"))
	res := ann.call(t, "POST", api+path+"/run", ann.token, `{"failure_policy":"rollback","wait":true,"wait_timeout_seconds":8}`)
	failed := ann.awaitEnd(t, id, ann.runs(t, id)[0].(object)["id"].(string))
	require.Contains(t, []int{200, 500}, res.StatusCode, res.text)
	require.Equal(t, []any{"failed", 1.0, 3.0}, []any{failed["status"], failed["rolled_back_to"], failed["version"]}, failed["error"])
	for _, part := range []string{`not healthy after 8s: node "web": `, "ImagePull", "rolled back to version 1"} {
		require.Contains(t, failed["error"], part)
	}
	require.Equal(t, "nginx:1.1", imageOf(t, cluster, namespace), "the last version that somebody saw healthy")
	require.Equal(t, "nginx:none", ann.ask(t, 200, "GET", path, nil)["nodes"].([]any)[0].(object)["data"].(object)["image"])

	rollback := object{"version": 2, "wait": true}
	require.Equal(t, 404, bob.call(t, "POST", api+path+"/rollback", bob.token, encoded(t, rollback)).StatusCode)
	ann.ask(t, 404, "POST", path+"/rollback", object{"version": 99})
	require.Contains(t, ann.ask(t, 400, "POST", path+"/rollback", object{})["error"], "version")
	back := ann.ask(t, 200, "POST", path+"/rollback", rollback)
	run := ann.awaitEnd(t, id, back["run_id"].(string))
	require.Equal(t, []any{"completed", 2.0, 4.0, "rollback"},
		[]any{run["status"], run["restored_from"], run["version"], run["triggered_by"]}, run["error"])
	require.Equal(t, "nginx:1.2", imageOf(t, cluster, namespace))
	require.Equal(t, "nginx:1.2", ann.ask(t, 200, "GET", path, nil)["nodes"].([]any)[0].(object)["data"].(object)["image"])
	version := ann.ask(t, 200, "GET", path+"/versions/4", nil)
	require.Equal(t, []any{2.0, "completed"}, []any{version["restored_from"], version["run_status"]})

	// The cluster is gone; the drawing stays.
	ann.ask(t, 200, "DELETE", "/clusters/"+dev, nil)
	refused := ann.ask(t, 409, "POST", path+"/rollback", object{"version": 1})
	require.Contains(t, refused["error"], "version 1 cannot be applied: the cluster")
	require.Equal(t, "nginx:1.2", ann.ask(t, 200, "GET", path, nil)["nodes"].([]any)[0].(object)["data"].(object)["image"])
}

func TestRequestIsRepeated(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	server := start(t)
	ann := server.ann()
	ann.addCluster(t, cluster)
	id := ann.draw(t, []object{
		node("web", "deployment", cluster.Namespace(t), "web", "image", "nginx", "podAnnotations", failingPods("pending")),
	}, edges())
	ask := func(body string, key string) answer {
		return ann.call(t, "POST", api+"/workflows/"+id+"/run", ann.token, body, "Idempotency-Key", key)
	}
	done := ask("", "first").json(t)
	require.Equal(t, "completed", done["status"])
	require.Equal(t, done["run_id"], ask("", "first").json(t)["run_id"])
	require.Equal(t, 422, ask(`{"failure_policy":"stop"}`, "first").StatusCode)
	require.Equal(t, 400, ask("", strings.Repeat("k", 256)).StatusCode)
	require.Len(t, ann.runs(t, id), 1)

	// A run that waits is what another one has to wait for.
	leave := ann.startRunAs(t, id, object{"wait": true})
	runID := ann.awaitRunning(t, id)
	refused := ask("", "second")
	require.Equal(t, 409, refused.StatusCode)
	require.Equal(t, object{"run_id": runID}, refused.json(t)["details"])
	ann.ask(t, 200, "POST", "/workflows/"+id+"/runs/"+runID+"/cancel", nil)
	require.Equal(t, "cancelled", ann.awaitEnd(t, id, runID)["status"])
	leave()
	require.Equal(t, 200, ask("", "second").StatusCode, "what was refused began nothing")
}

// A reader of another server sees a run as it goes on, and its end, also when the
// server that began it is killed.
func TestRunIsSeenOnAllServers(t *testing.T) {
	t.Parallel()
	const objects = 60
	cluster := shared.Cluster(t)
	s := startServers(t, 2)
	ann := s.all[0].ann()
	ann.addCluster(t, cluster)
	for _, killed := range []bool{false, true} {
		id := ann.draw(t, manyConfigMaps(cluster.Namespace(t), objects), edges())
		there := watchConfigMaps(t, cluster, id, 1)
		ann.on(s.all[1]).startRun(t, id)
		<-there
		runID := ann.runs(t, id)[0].(object)["id"].(string)
		seen := ann.stream(t, "/workflows/"+id+"/runs/"+runID+"/stream")
		if killed {
			s.all[1].kill(t)
		}
		seen.until(t, "the end of the run", func() error {
			if last := seen.events[len(seen.events)-1]; last.name != "complete" {
				return fmt.Errorf("the last of %d events is %s %s", len(seen.events), last.name, last.data)
			}
			return nil
		})
		<-seen.done
		log, states := []string{}, map[string]any{}
		for _, ev := range seen.seen() {
			var body struct {
				Logs       []string       `json:"logs"`
				NodeStates map[string]any `json:"node_states"`
				Data       struct {
					From       int            `json:"from"`
					Lines      []string       `json:"lines"`
					NodeStates map[string]any `json:"node_states"`
					Status     string         `json:"status"`
				} `json:"data"`
			}
			require.NoError(t, json.Unmarshal([]byte(ev.data), &body), ev.data)
			switch ev.name {
			case "metadata":
				log, states = body.Logs, body.NodeStates
			case "log":
				require.LessOrEqual(t, body.Data.From, len(log), "no line is missing")
				log = append(log[:body.Data.From], body.Data.Lines...)
			case "node_state":
				for node, state := range body.Data.NodeStates {
					states[node] = state
				}
			case "complete":
				require.Equal(t, "completed", body.Data.Status)
			}
		}
		names := seen.names()
		require.Equal(t, "complete", names[len(names)-1])
		run := ann.ask(t, 200, "GET", "/workflows/"+id+"/runs/"+runID, nil)
		require.Equal(t, "completed", run["status"], run["error"])
		for i, line := range run["logs"].([]any) {
			require.Equal(t, line, log[i])
		}
		require.Equal(t, run["node_states"], states)
		// Whoever comes later gets all at once.
		late := ann.stream(t, "/workflows/"+id+"/runs/"+runID+"/stream")
		<-late.done
		require.Equal(t, []string{"metadata", "complete"}, late.names())
	}
}
