package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/routes"
)

// badBodies are bodies that no route may choke on.
func badBodies() map[string]string {
	operator := `{"$ne":null}`
	everything := `{"name":X,"email":X,"password":X,"inviteCode":X,"currentPassword":X,"newPassword":X,"server":X,"authType":X,` +
		`"credentials":X,"labels":X,"singleNode":X,"displayName":X,"description":X,"cluster_id":X,"status":X,"nodes":X,"edges":X,` +
		`"trigger_data":X,"regenerateAfterSignup":X,"tag":X,"insecure":X,"role":X,"expiresInHours":X,"note":X}`
	return map[string]string{
		"text":        "name=ann&email=ann",
		"a word":      "null",
		"a list":      `[{"name":"x"}]`,
		"half":        `{"name":"x`,
		"two":         `{"name":"x"}{"name":"y"}`,
		"operators":   strings.ReplaceAll(everything, "X", operator),
		"nulls":       strings.ReplaceAll(everything, "X", "null"),
		"numbers":     strings.ReplaceAll(everything, "X", "-1e308"),
		"lists":       strings.ReplaceAll(everything, "X", "[[]]"),
		"nested":      `{"nodes":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`,
		"objects":     strings.Repeat(`{"nodes":`, 10_000) + "1" + strings.Repeat("}", 10_000),
		"double keys": `{"name":"a","name":"b","nodes":[],"nodes":[],"edges":[]}`,
		"not UTF-8":   "{\"name\":\"\xff\"}",
		"NUL":         `{"name":"a\u0000b","email":"a\u0000@example.org","cluster_id":"\u0000","displayName":"\u0000"}`,
		"prototype":   `{"__proto__":{"role":"admin"},"role":"admin","owner_id":"x","_id":"y"}`,
	}
}

// Whatever is sent to whichever route, the answer is JSON, and never that the
// server failed.
func TestBadBodiesEverywhere(t *testing.T) {
	t.Parallel()
	ann := start(t).ann()
	id := ann.ask(t, http.StatusCreated, "POST", "/workflows", object{"name": "w", "cluster_id": dev})["id"].(string)
	ann.ask(t, http.StatusCreated, "POST", "/workflows/"+id+"/versions", object{})
	fill := strings.NewReplacer(":id", id, ":name", dev, ":runId", id, ":version", "1")
	for _, row := range routes.Table(routes.Handlers{}) {
		if row.Method == http.MethodGet || row.Method == http.MethodHead || row.Method == http.MethodDelete {
			continue
		}
		for name, body := range badBodies() {
			res := ann.call(t, row.Method, fill.Replace(row.Path), ann.token, body)
			require.Less(t, res.StatusCode, 500, "%s, %s %s: %s", name, row.Method, row.Path, res.text)
			answer := res.json(t)
			if res.StatusCode >= 400 {
				require.NotEmpty(t, answer["message"], "%s, %s %s: %s", name, row.Method, row.Path, res.text)
				require.Equal(t, answer["message"], answer["error"])
			}
		}
	}
}

func TestSavedBodies(t *testing.T) {
	t.Parallel()
	ann := newPerson(t, "ann")
	id := ann.ask(t, http.StatusCreated, "POST", "/workflows", object{"name": "w", "cluster_id": dev})["id"].(string)
	ann.save(t, id, []object{node("n1", "configmap", "default", "conf", "unknown", object{"key": []any{1, nil, "x"}})}, edges())
	before := ann.ask(t, http.StatusOK, "GET", "/workflows/"+id, nil)
	require.Equal(t, object{"key": []any{1.0, nil, "x"}}, before["nodes"].([]any)[0].(object)["data"].(object)["unknown"])
	twice := []object{node("n1", "configmap", "default", "a"), node("n1", "configmap", "default", "b")}
	for name, tc := range map[string]struct {
		body   any
		status int
		want   string
	}{
		"nothing":           {"{}", 400, "nodes"},
		"no body":           {"", 400, "empty"},
		"no edges":          {`{"nodes":[]}`, 400, "edges"},
		"nulls":             {`{"nodes":null,"edges":null}`, 400, "nodes"},
		"a null node":       {`{"nodes":[null],"edges":[]}`, 400, "nodes[0].id"},
		"nodes is a text":   {`{"nodes":"x","edges":[]}`, 400, "field nodes"},
		"an id is a number": {`{"nodes":[{"id":7}],"edges":[]}`, 400, "id"},
		"data is a list":    {`{"nodes":[{"id":"a","data":[]}],"edges":[]}`, 400, "data"},
		"duplicate ids":     {object{"nodes": twice, "edges": edges()}, 400, "two nodes"},
		"a key twice":       {`{"nodes":[],"nodes":[],"edges":[]}`, 400, "nodes"},
		"eleven megabytes":  {`{"nodes":[],"edges":[],"description":"` + strings.Repeat("a", 11<<20) + `"}`, 413, "bytes"},
		"deep in data":      {`{"edges":[],"nodes":[{"id":"a","data":` + strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_001) + `]}`, 400, "nested"},
	} {
		res := ann.call(t, "POST", api+"/workflows/"+id+"/save", ann.token, encoded(t, tc.body))
		require.Equal(t, tc.status, res.StatusCode, "%s: %s", name, res.text)
		require.Contains(t, res.json(t)["error"], tc.want, name)
	}
	require.Equal(t, before, ann.ask(t, http.StatusOK, "GET", "/workflows/"+id, nil))

	nulls := `{"nodes":[{"id":"n1","type":"deployment","position":null,"width":null,"data":{"name":"a","image":"nginx","port":null,` +
		`"replicas":null,"resources":null,"envKeys":null,"volumeMounts":null,"labels":null,"command":null}}],` +
		`"edges":[],"description":null}`
	ann.ask(t, http.StatusOK, "POST", "/workflows/"+id+"/save", nulls)
	require.Empty(t, ann.ask(t, http.StatusOK, "GET", "/workflows/"+id, nil)["description"])
	ann.ask(t, http.StatusOK, "POST", "/workflows/"+id+"/save", `{"nodes":[],"edges":[]}`)
	require.Equal(t, []any{}, ann.ask(t, http.StatusOK, "GET", "/workflows/"+id, nil)["nodes"])
}

// What the server owns in a node is not taken from a browser.
func TestOwnedByTheServer(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann := newPerson(t, "ann")
	ann.addCluster(t, cluster)
	secret := node("n1", "secret", namespace, "s", "keys", []object{{"id": "k", "name": "PASS"}},
		"_secretCreated", true, "_status", object{"state": "created"})
	id := ann.draw(t, []object{secret}, edges())
	require.Empty(t, ann.statuses(t, id))
	watched := ann.streamStatus(t, id)
	ann.run(t, id, nil)
	watched.untilStates(t, map[string]string{"n1": "pending"})
	ann.run(t, id, object{"secrets": object{"n1": object{"PASS": "word"}}})
	watched.untilStates(t, map[string]string{"n1": "created"})
	secret["data"].(object)["_status"] = object{"state": "error"}
	secret["data"].(object)["_secretCreated"] = false
	ann.save(t, id, []object{secret}, edges())
	stored := ann.ask(t, http.StatusOK, "GET", "/workflows/"+id, nil)["nodes"].([]any)[0].(object)["data"].(object)
	require.Equal(t, true, stored["_secretCreated"])
	require.Equal(t, "created", stored["_status"].(object)["state"])
}
