package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/routes"
)

// bodies are valid ones for the routes that want one.
func bodies() map[string]string {
	return map[string]string{
		"PUT /clusters/:name":                     `{"displayName":"mine now"}`,
		"POST /clusters/:name/share":              `{"targetUserId":"0123456789abcdef01234567","role":"viewer"}`,
		"PUT /clusters/:name/credentials":         `{"credentials":{"token":"mine"}}`,
		"PUT /workflows/:id":                      `{"name":"mine now"}`,
		"POST /workflows/:id/save":                `{"nodes":[],"edges":[]}`,
		"POST /workflows/:id/clone":               `{"name":"mine now"}`,
		"PUT /workflows/:id/status":               `{"status":"archived"}`,
		"POST /workflows/:id/versions":            `{"name":"mine now"}`,
		"PUT /workflows/:id/versions/:version":    `{"name":"mine now"}`,
		"GET /workflows/:id/versions/compare":     "",
		"POST /workflows/:id/run":                 `{"trigger_data":{"secrets":{},"envVars":{}}}`,
		"POST /workflows/:id/runs/:runId/cancel":  "",
		"POST /workflows/:id/rollback":            `{"version":1}`,
		"PUT /workflows/:id/drift":                `{"mode":"off"}`,
		"DELETE /workflows/:id/leftovers":         `{"objects":[{"kind":"ConfigMap","name":"mine"}]}`,
		"POST /workflows/:id/nodes/:nodeId/fix":   `{"fixType":"selector-fix","yaml":"a: b","mode":"auto"}`,
		"POST /workflows/:id/versions/:v/restore": "",
	}
}

// TestStrangers tries every route that names something as somebody who does
// not own it, and as nobody.
func TestStrangers(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann, bob := newPerson(t, "ann"), newPerson(t, "bob")
	ann.addCluster(t, cluster)
	id := ann.draw(t, []object{node("n1", "configmap", namespace, "mine", "data", object{"a": "b"})}, edges())
	run := ann.run(t, id, nil)
	ann.streamStatus(t, id).untilStates(t, map[string]string{"n1": "created"})
	before := ann.call(t, "GET", api+"/workflows/"+id, ann.token, "").text
	beforeCluster := ann.call(t, "GET", api+"/clusters/"+dev, ann.token, "").text

	fill := strings.NewReplacer(":id", id, ":name", dev, ":runId", run["id"].(string), ":version", "1", ":nodeId", "n1", ":fixType", "selector-fix")
	tried := 0
	for _, row := range routes.Table(routes.Handlers{}) {
		if !strings.Contains(row.Path, ":") || row.Access != routes.SignedIn {
			continue
		}
		tried++
		path, body := fill.Replace(row.Path), bodies()[row.Method+" "+strings.TrimPrefix(row.Path, api)]
		if strings.HasSuffix(path, "/compare") {
			path += "?v1=1&v2=1"
		}
		var handshake []string
		if row.Socket {
			handshake = []string{
				"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==",
			}
		}
		theirs := ann.call(t, row.Method, path, bob.token, body, handshake...)
		require.Equal(t, http.StatusNotFound, theirs.StatusCode, "%s %s: %s", row.Method, row.Path, theirs.text)
		require.Equal(t, theirs.json(t)["error"], theirs.json(t)["message"])
		require.Equal(t, http.StatusUnauthorized, ann.call(t, row.Method, path, "", body, handshake...).StatusCode, "%s %s", row.Method, row.Path)
		guessed := strings.NewReplacer(id, "0123456789abcdef01234567", dev, "other").Replace(path)
		unknown := ann.call(t, row.Method, guessed, bob.token, body, handshake...)
		require.Equal(t, unknown.text, strings.ReplaceAll(theirs.text, dev, "other"), "%s %s tells that it exists", row.Method, row.Path)
	}
	require.Greater(t, tried, 20)
	require.Equal(t, before, ann.call(t, "GET", api+"/workflows/"+id, ann.token, "").text)
	require.Equal(t, beforeCluster, ann.call(t, "GET", api+"/clusters/"+dev, ann.token, "").text)
	require.Empty(t, bob.ask(t, http.StatusOK, "GET", "/workflows", nil)["workflows"])
	require.Empty(t, bob.ask(t, http.StatusOK, "GET", "/clusters", nil)["clusters"])
}

// TestSomebodyElsesCluster names a cluster that only another person has.
func TestSomebodyElsesCluster(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := unusedNamespace(t, cluster)
	ann, bob := newPerson(t, "ann"), newPerson(t, "bob")
	ann.addCluster(t, cluster)
	id := bob.draw(t, []object{node("n1", "configmap", namespace, "mine", "data", object{"a": "b"})}, edges())

	refused := bob.ask(t, http.StatusBadRequest, "POST", "/workflows/"+id+"/run", "")
	require.Contains(t, refused["error"], `"dev"`)
	require.Empty(t, bob.runs(t, id))
	requireNoNamespace(t, cluster, namespace)

	bob.ask(t, http.StatusCreated, "POST", "/clusters", clusterInput(dev, cluster))
	require.Equal(t, http.StatusConflict, bob.call(t, "POST", api+"/clusters", bob.token, encoded(t, clusterInput(dev, cluster))).StatusCode)
	bob.run(t, id, nil)
	bob.ask(t, http.StatusOK, "DELETE", "/clusters/"+dev, nil)
	ann.ask(t, http.StatusOK, "GET", "/clusters/"+dev, nil)
	require.Contains(t, bob.ask(t, http.StatusBadRequest, "POST", "/workflows/"+id+"/run", "")["error"], `"dev"`)
}
