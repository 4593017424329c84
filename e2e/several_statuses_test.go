package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Runs take place on one server, the cluster is watched by another, and there are
// readers everywhere.
func TestStatusesReachTheReadersOfAllServers(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	s := startServers(t, 3)
	ann := s.all[0].ann()
	ann.addCluster(t, cluster)
	nodes := []object{node("conf", "configmap", namespace, "conf", "data", object{"a": "b"})}
	id := ann.draw(t, nodes, edges())
	var readers []*stream
	for _, server := range s.all {
		readers = append(readers, ann.on(server).streamStatus(t, id))
	}
	become := func(states map[string]string) {
		t.Helper()
		for _, r := range readers {
			r.untilStates(t, states)
		}
	}
	for i, server := range s.all {
		ann := ann.on(server)
		conf, key := fmt.Sprintf("conf-%d", i), fmt.Sprintf("key-%d", i)
		nodes = append(nodes, node(conf, "configmap", namespace, conf, "data", object{"a": "b"}),
			node(key, "secret", namespace, key, "keys", []object{{"name": "PASS"}}))
		ann.save(t, id, nodes, edges())
		ann.run(t, id, nil)
		become(map[string]string{conf: "created", key: "pending", "conf": "created"}) // the run alone knows of the key
		ann.run(t, id, object{"secrets": object{key: object{"PASS": "one"}}})
		become(map[string]string{key: "created"})
	}
	require.NoError(t, cluster.Client().CoreV1().ConfigMaps(namespace).Delete(t.Context(), "conf", metav1.DeleteOptions{}))
	become(map[string]string{"conf": "error", "conf-0": "created"})
	ann.on(s.all[1]).ask(t, http.StatusOK, "PUT", "/workflows/"+id+"/status", `{"status":"archived"}`)
	become(map[string]string{"conf": "pending", "conf-0": "pending", "key-0": "pending", "conf-2": "pending", "key-2": "pending"})
}
