package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// shopIn is a drawing with something to keep.
func shopIn(namespace string) []object {
	return []object{
		node("conf", "configmap", namespace, "conf", "data", object{"a": "b"}),
		node("pw", "secret", namespace, "pw", "keys", []object{{"id": "k1", "name": "password"}}),
		node("data", "persistentvolumeclaim", namespace, "data", "storage", "1Gi", "accessModes", []string{"ReadWriteOnce"}),
	}
}

func passwords() object { return object{"secrets": object{"pw": object{"password": "first-value"}}} }

// leftovers returns what a workflow has although nothing needs it, as "cluster kind
// name state".
func (p *person) leftovers(t *testing.T, id string) (words []string, list []object) {
	t.Helper()
	words = []string{}
	for _, l := range p.ask(t, http.StatusOK, "GET", "/workflows/"+id+"/leftovers", nil)["leftovers"].([]any) {
		l := l.(object)
		words = append(words, fmt.Sprint(l["cluster"], " ", l["kind"], " ", l["name"], " ", l["state"]))
		list = append(list, l)
	}
	return words, list
}

// A workflow that moves to another cluster and namespace is cleaned up behind it, as
// soon as the former cluster answers. What it kept is removed on purpose.
func TestMovingAway(t *testing.T) {
	t.Parallel()
	cluster, former := shared.Cluster(t), kubetest.NewPrivate(t)
	from, to := former.Namespace(t), cluster.Namespace(t)
	ann, bob := newPerson(t, "ann"), newPerson(t, "bob")
	way := linkTo(t, former.Cluster)
	ann.addClusterAt(t, "old", former.Cluster, "https://"+way.address, former.CA())
	ann.addCluster(t, cluster)
	id := ann.createWorkflowIn(t, "old")
	ann.save(t, id, shopIn(from), edges())
	ann.publish(t, id)
	ann.run(t, id, passwords())

	path := "/workflows/" + id
	ann.ask(t, http.StatusNotFound, "PUT", path, object{"cluster_id": "nobodys"})
	bob.ask(t, http.StatusNotFound, "PUT", path, object{"cluster_id": dev})
	moved := ann.ask(t, http.StatusOK, "PUT", path, object{"cluster_id": dev})
	require.Equal(t, dev, moved["cluster_id"])
	ann.save(t, id, shopIn(to), edges())
	way.cut()
	run := ann.run(t, id, passwords())
	require.Contains(t, fmt.Sprint(run["logs"]), "in the former cluster old stay there for now")
	words, _ := ann.leftovers(t, id)
	require.Equal(t, []string{"old ConfigMap conf unknown", "old PersistentVolumeClaim data unknown", "old Secret pw unknown"}, words)

	way.restore()
	ann.ask(t, http.StatusOK, "POST", "/clusters/old/test", nil) // ends the pause after failures
	ann.run(t, id, nil)
	core := former.Client().CoreV1()
	_, err := core.ConfigMaps(from).Get(t.Context(), "conf", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	words, list := ann.leftovers(t, id)
	require.Equal(t, []string{"old PersistentVolumeClaim data present", "old Secret pw present"}, words)
	require.Equal(t, "1Gi", list[0]["size"])

	bob.ask(t, http.StatusNotFound, "GET", path+"/leftovers", nil)
	bob.ask(t, http.StatusNotFound, "DELETE", path+"/leftovers", object{"objects": list})
	ann.ask(t, http.StatusBadRequest, "DELETE", path+"/leftovers", object{"objects": []object{}})
	refused := ann.ask(t, http.StatusBadRequest, "DELETE", path+"/leftovers", object{"objects": []object{{"kind": "ConfigMap", "namespace": to, "name": "conf"}}})
	require.Contains(t, refused["error"], "is no leftover of this workflow")
	removed := ann.ask(t, http.StatusOK, "DELETE", path+"/leftovers", object{"objects": list})
	require.Equal(t, "completed", removed["status"], removed)
	words, _ = ann.leftovers(t, id)
	require.Empty(t, words)
	_, err = core.Secrets(from).Get(t.Context(), "pw", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	_, err = cluster.Client().CoreV1().Secrets(to).Get(t.Context(), "pw", metav1.GetOptions{})
	require.NoError(t, err)
	entries, _ := common.admin.auditTrail(t, "action", "workflow.leftovers", "actor", ann.id(t), "outcome", "success")
	require.Len(t, entries, 1)
	require.Contains(t, fmt.Sprint(entries[0]["details"]), "Secret "+from+"/pw in old")
}

// Neither a cluster that was removed nor a share that was revoked holds a workflow.
func TestClusterIsGoneForGood(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann, bob := newPerson(t, "ann"), newPerson(t, "bob")
	ann.addCluster(t, cluster)
	ann.share(t, bob, "editor", namespace)
	anns := ann.draw(t, shopIn(namespace), edges())
	bobs := bob.draw(t, []object{node("his", "configmap", namespace, "his", "data", object{"a": "b"})}, edges())
	ann.run(t, anns, passwords())
	bob.run(t, bobs, nil)

	ann.ask(t, http.StatusOK, "DELETE", "/clusters/dev/shares/"+bob.id(t), nil)
	archived := bob.ask(t, http.StatusOK, "PUT", "/workflows/"+bobs+"/status", `{"status":"archived"}`)
	require.Contains(t, archived["warning"], "not all removed")
	require.Equal(t, "archived", bob.ask(t, http.StatusOK, "GET", "/workflows/"+bobs, nil)["status"])
	words, list := bob.leftovers(t, bobs)
	require.Equal(t, []string{"dev ConfigMap his lost"}, words)
	failed := bob.ask(t, http.StatusOK, "DELETE", "/workflows/"+bobs+"/leftovers", object{"objects": list})
	require.Equal(t, "failed", failed["status"])
	require.Equal(t, 1, countConfigMaps(t, cluster, bobs))
	bob.ask(t, http.StatusOK, "DELETE", "/workflows/"+bobs+"/leftovers", object{"objects": list, "forget": true})
	words, _ = bob.leftovers(t, bobs)
	require.Empty(t, words)
	bob.ask(t, http.StatusOK, "DELETE", "/workflows/"+bobs, nil)

	ann.ask(t, http.StatusOK, "DELETE", "/clusters/dev", nil)
	gone := ann.ask(t, http.StatusOK, "DELETE", "/workflows/"+anns+"?teardown=true", nil)
	require.Contains(t, gone["warning"], "does not exist")
	require.Contains(t, gone["message"], "it leaves 3 objects in cluster dev")
	words, _ = ann.leftovers(t, anns)
	require.Equal(t, []string{"dev ConfigMap conf lost", "dev PersistentVolumeClaim data lost", "dev Secret pw lost"}, words)
	require.Equal(t, 1, countConfigMaps(t, cluster, anns))
}

// An archived workflow comes back with its claims; the second time nothing changes.
func TestArchivingAndComingBack(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann := newPerson(t, "ann")
	ann.addCluster(t, cluster)
	id := ann.draw(t, shopIn(namespace), edges())
	ann.run(t, id, passwords())
	claims := cluster.Client().CoreV1().PersistentVolumeClaims(namespace)
	before, err := claims.Get(t.Context(), "data", metav1.GetOptions{})
	require.NoError(t, err)
	for range 2 {
		archived := ann.ask(t, http.StatusOK, "PUT", "/workflows/"+id+"/status", `{"status":"archived"}`)
		require.Contains(t, archived["warning"], "PersistentVolumeClaim "+namespace+"/data")
	}
	require.Zero(t, countConfigMaps(t, cluster, id))
	words, _ := ann.leftovers(t, id)
	require.Equal(t, []string{"dev PersistentVolumeClaim data present"}, words)
	ann.publish(t, id)
	run := ann.run(t, id, nil)
	require.Equal(t, "waits for its values", run["node_states"].(object)["pw"].(object)["message"])
	after, err := claims.Get(t.Context(), "data", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, before.UID, after.UID)
	words, _ = ann.leftovers(t, id)
	require.Empty(t, words, "it is drawn")
	require.Equal(t, 1, countConfigMaps(t, cluster, id))
}

// Two people save, one learns what the other did; a clone goes where it is told to.
func TestSavingAndCloning(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace, other := cluster.Namespace(t), cluster.Namespace(t)
	ann, bob := newPerson(t, "ann"), newPerson(t, "bob")
	ann.addCluster(t, cluster)
	id := ann.draw(t, shopIn(namespace), edges("pw>conf"))
	path := api + "/workflows/" + id
	etag := ann.call(t, "GET", path, ann.token, "").Header.Get("ETag")
	var both sync.WaitGroup
	answers := make([]answer, 2)
	for i := range answers {
		drawn := shopIn(namespace)
		drawn[0]["data"].(object)["data"] = object{"by": fmt.Sprint(i)}
		body := encoded(t, object{"nodes": drawn, "edges": edges()})
		both.Go(func() { answers[i] = ann.call(t, "POST", path+"/save", ann.token, body, "If-Match", etag) })
	}
	both.Wait()
	if answers[0].StatusCode == http.StatusConflict {
		answers[0], answers[1] = answers[1], answers[0]
	}
	require.Equal(t, http.StatusOK, answers[0].StatusCode, answers[0].text)
	require.Equal(t, http.StatusConflict, answers[1].StatusCode, answers[1].text)
	details := answers[1].json(t)["details"].(object)
	require.Equal(t, []any{"conf"}, details["nodes"])
	require.Equal(t, answers[0].Header.Get("ETag"), details["etag"])

	ann.run(t, id, passwords())
	bob.ask(t, http.StatusNotFound, "POST", "/workflows/"+id+"/clone", object{"name": "copy"})
	ann.ask(t, http.StatusNotFound, "POST", "/workflows/"+id+"/clone", object{"name": "copy", "cluster_id": "nobodys"})
	made := ann.ask(t, http.StatusCreated, "POST", "/workflows/"+id+"/clone", object{"name": "copy", "cluster_id": dev, "namespace": other})
	copied := made["id"].(string)
	require.Contains(t, made["message"], "have the names of the original")
	require.Empty(t, statusesIn(made["workflow"].(object)["nodes"]), "without what was seen of the original")
	ann.publish(t, copied)
	ann.run(t, copied, nil)
	require.Equal(t, 1, countConfigMaps(t, cluster, copied))
	require.Equal(t, 1, countConfigMaps(t, cluster, id))
	beside := ann.ask(t, http.StatusCreated, "POST", "/workflows/"+id+"/clone", object{"name": "beside"})
	ann.publish(t, beside["id"].(string))
	ann.run(t, beside["id"].(string), nil)
	require.Equal(t, 1, countConfigMaps(t, cluster, beside["id"].(string)))
}

// A cluster that was registered again is the same one: nothing is on record twice.
func TestClusterIsRegisteredAgain(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann := newPerson(t, "ann")
	ann.addCluster(t, cluster)
	id := ann.draw(t, shopIn(namespace), edges())
	ann.run(t, id, passwords())
	ann.ask(t, http.StatusOK, "DELETE", "/clusters/dev", nil)
	ann.addCluster(t, cluster)
	ann.save(t, id, shopIn(namespace)[:2], edges())
	ann.run(t, id, nil)
	words, _ := ann.leftovers(t, id)
	require.Equal(t, []string{"dev PersistentVolumeClaim data present"}, words)
	ann.ask(t, http.StatusOK, "DELETE", "/workflows/"+id+"?teardown=true&permanent=true", nil)
	require.Zero(t, countConfigMaps(t, cluster, id))
	ann.ask(t, http.StatusNotFound, "GET", "/workflows/"+id+"/leftovers", nil)
}

// A server that dies while it tears down has the next one finish, also when the
// workflow was deleted.
func TestKilledWhileTearingDown(t *testing.T) {
	t.Parallel()
	const count = 200
	cluster, dir := shared.Cluster(t), dataDir(t)
	namespace := cluster.Namespace(t)
	server := startIn(t, dir)
	ann := server.ann()
	ann.addCluster(t, cluster)
	id := ann.draw(t, manyConfigMaps(namespace, count), edges())
	ann.run(t, id, nil)
	first := watchConfigMaps(t, cluster, id, 1)
	deleting := make(chan struct{})
	go func() {
		defer close(deleting)
		_, _, _ = ann.send(t.Context(), "DELETE", "/workflows/"+id+"?teardown=true", "")
	}()
	<-first
	server.kill(t)
	<-deleting
	t.Logf("killed when %d of %d ConfigMaps were left", countConfigMaps(t, cluster, id), count)
	again := startIn(t, dir)
	kubetest.Eventually(t, "the end of the objects", func(ctx context.Context) error {
		if n := countConfigMaps(t, cluster, id); n > 0 {
			return fmt.Errorf("%d are left", n)
		}
		return ctx.Err()
	})
	again.stop(t)
}
