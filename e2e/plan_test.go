package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// planned returns what a plan says of each object, as "Kind name".
func (p *person) planned(t *testing.T, id string, body any) (plan object, said map[string]string) {
	t.Helper()
	plan = p.ask(t, http.StatusOK, "POST", "/workflows/"+id+"/plan", body)
	said = map[string]string{}
	note := func(list any) {
		for _, o := range list.([]any) {
			o := o.(object)
			said[o["kind"].(string)+" "+o["name"].(string)], _ = o["action"].(string)
		}
	}
	for _, n := range plan["nodes"].([]any) {
		note(n.(object)["objects"])
	}
	note(plan["left"])
	return plan, said
}

// What the plan says is what the run does, before it, after it, and after somebody
// changed the cluster.
func TestPlanAndRun(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := unusedNamespace(t, cluster)
	ann := newPerson(t, "ann")
	ann.addCluster(t, cluster)
	id := ann.createWorkflow(t)
	ann.save(t, id, []object{
		node("conf", "configmap", namespace, "conf", "data", object{"a": "b"}),
		node("pw", "secret", namespace, "pw", "keys", []object{{"id": "1", "name": "password"}}),
		node("web", "deployment", namespace, "web", "image", "nginx:1.27", "replicas", 0, "port", 80),
	}, edges("conf>web", "pw>web"))
	typed := object{"trigger_data": object{"secrets": object{"pw": object{"password": "hunter-22"}}}}
	plan, said := ann.planned(t, id, typed)
	require.Equal(t, map[string]string{"ConfigMap conf": "created", "Secret pw": "created", "Deployment web": "created"}, said)
	require.Equal(t, []any{object{"name": namespace, "action": "created"}}, plan["namespaces"], "a draft is planned, too")
	requireNoNamespace(t, cluster, namespace)

	ann.publish(t, id)
	ann.run(t, id, typed["trigger_data"])
	plan, said = ann.planned(t, id, nil)
	require.Equal(t, map[string]string{"ConfigMap conf": "unchanged", "Secret pw": "unchanged", "Deployment web": "unchanged"}, said)
	require.NotContains(t, encoded(t, plan), "hunter")

	_, err := cluster.Client().CoreV1().ConfigMaps(namespace).Patch(t.Context(), "conf", types.MergePatchType,
		[]byte(`{"data":{"a":"edited","more":"x"}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	require.NoError(t, err)
	ann.save(t, id, []object{
		node("conf", "configmap", namespace, "conf", "data", object{"a": "b"}),
		node("pw", "secret", namespace, "pw", "keys", []object{{"id": "1", "name": "password"}}),
	}, edges())
	plan, said = ann.planned(t, id, object{"trigger_data": object{"secrets": object{"pw": object{"password": "hunter-23"}}}})
	require.Equal(t, map[string]string{"ConfigMap conf": "configured", "Secret pw": "configured", "Deployment web": "deleted"}, said)
	text := encoded(t, plan)
	require.NotContains(t, text, "hunter")
	require.Contains(t, text, `"from":"edited"`)
	require.Contains(t, text, `"manager":"kubectl-edit"`)
	require.Contains(t, text, `"path":"data.more"`)
}

func TestPlanIsForThoseWhoMayRun(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann, bob, eve := newPerson(t, "ann"), newPerson(t, "bob"), newPerson(t, "eve")
	ann.addCluster(t, cluster)
	id := bob.draw(t, conf(namespace, "mine"), edges())
	path := "/workflows/" + id
	for _, p := range []*person{ann, eve} {
		p.ask(t, http.StatusNotFound, "POST", path+"/plan", nil)
		p.ask(t, http.StatusNotFound, "GET", path+"/manifests", nil)
	}
	require.Contains(t, bob.ask(t, http.StatusBadRequest, "POST", path+"/plan", nil)["error"], "does not exist")
	share := ann.share(t, bob, "viewer")
	bob.ask(t, http.StatusForbidden, "POST", path+"/plan", nil)
	ann.offerShare(t, bob, "editor", namespace)
	plan, said := bob.planned(t, id, nil)
	require.Equal(t, []any{false, map[string]string{"ConfigMap mine": "created"}}, []any{plan["blocked"], said})
	bob.save(t, id, append(conf(namespace, "mine"), conf("default", "outside")...), edges())
	plan, said = bob.planned(t, id, nil)
	require.Equal(t, []any{true, map[string]string{"ConfigMap mine": "created", "ConfigMap outside": "refused"}}, []any{plan["blocked"], said})
	require.Zero(t, countConfigMaps(t, cluster, id))
	require.NotEmpty(t, share)

	reader := bob.apiToken(t, "reader", "read")
	require.Equal(t, http.StatusForbidden, bob.call(t, "POST", api+path+"/plan", reader, "").StatusCode)
	res := bob.call(t, "GET", api+path+"/manifests", reader, "")
	require.Equal(t, http.StatusOK, res.StatusCode, res.text)
	require.Equal(t, "application/yaml", res.Header.Get("Content-Type"))
	require.Equal(t, 2, strings.Count(res.text, "kind: ConfigMap"))
	ann.ask(t, http.StatusOK, "DELETE", "/clusters/dev/shares/"+bob.id(t), nil)
	bob.ask(t, http.StatusBadRequest, "POST", path+"/plan", nil)
	bob.ask(t, http.StatusOK, "PUT", path+"/status", object{"status": "archived"})
	require.Contains(t, bob.ask(t, http.StatusBadRequest, "POST", path+"/plan", nil)["error"], "archived")
}

func TestPlanOfBadRequestsAndSilentClusters(t *testing.T) {
	t.Parallel()
	ann := newPerson(t, "ann")
	ann.addNowhere(t, dev)
	id := ann.draw(t, conf("default", "mine"), edges())
	path := "/workflows/" + id + "/plan"
	for body, field := range map[string]string{
		`{"trigger_data":[]}`: "trigger_data", `{"failure_policy":"never"}`: "failure_policy", `[]`: "object", `{`: "",
		`{"trigger_data":{"secrets":{"pw":{"password":{"hunter-22":1}}}}}`: "trigger_data",
	} {
		answer := ann.ask(t, http.StatusBadRequest, "POST", path, body)
		require.Contains(t, answer["error"], field)
		require.NotContains(t, encoded(t, answer), "hunter")
	}
	answer := ann.ask(t, http.StatusServiceUnavailable, "POST", path, nil)
	require.Contains(t, answer["error"], "the cluster of the workflow does not answer")
	ann.ask(t, http.StatusNotFound, "POST", "/workflows/000000000000000000000000/plan", nil)
	ann.save(t, id, []object{node("web", "deployment", "default", "Bad Name")}, edges())
	require.NotEmpty(t, ann.ask(t, http.StatusBadRequest, "POST", path, nil)["problems"])
	ann.ask(t, http.StatusBadRequest, "GET", "/workflows/"+id+"/manifests", nil)
}
