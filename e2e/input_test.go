package e2e

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// places returns where the problems of an answer are: "node/field" or "edge".
func places(t *testing.T, answer object) []string {
	t.Helper()
	var found []string
	list, ok := answer["problems"].([]any)
	require.True(t, ok, answer)
	for _, p := range list {
		p := p.(object)
		require.NotEmpty(t, p["message"])
		switch {
		case p["edge"] != nil:
			found = append(found, p["edge"].(string))
		case p["node"] == nil:
			found = append(found, p["field"].(string))
		case p["field"] == nil:
			found = append(found, p["node"].(string))
		default:
			found = append(found, p["node"].(string)+"/"+p["field"].(string))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// Everything that can be wrong with a drawing is in this one.
func TestWrongDrawing(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := unusedNamespace(t, cluster)
	ann := newPerson(t, "ann")
	ann.addCluster(t, cluster)
	web := func(id, name string, pairs ...any) object {
		return node(id, "deployment", namespace, name, append([]any{"image", "nginx"}, pairs...)...)
	}
	id := ann.draw(t, []object{
		web("good", "good"),
		web("a", "a"), web("b", "b"),
		node("unknown", "database", namespace, "x"),
		node("twin-1", "configmap", namespace, "twin"), node("twin-2", "configmap", namespace, "twin"),
		web("dns", "Not_A_Label"),
		web("port", "port", "port", 70000),
		web("quantity", "quantity", "resources", object{"limits": object{"memory": "lots"}}),
		web("image", "image", "image", "ngi nx:UPPER/"),
		web("no-image", "no-image", "image", ""),
		node("schedule", "cronjob", namespace, "schedule", "image", "nginx", "schedule", "whenever"),
		node("claim", "persistentvolumeclaim", namespace, "claim", "storage", "-1Gi"),
		node("svc", "service", namespace, "svc", "port", nil),
		node("hpa", "hpa", namespace, "hpa", "scaleTargetName", "a", "minReplicas", 9, "maxReplicas", 2),
	}, edges("a>b", "b>a", "good>nowhere", "nowhere>good", "twin-1>hpa", "good>good"))

	answer := ann.ask(t, http.StatusBadRequest, "POST", "/workflows/"+id+"/run", "")
	require.Equal(t, answer["error"], answer["message"])
	found := places(t, answer)
	for _, want := range []string{
		"a", "edge-good-nowhere", "edge-nowhere-good", "edge-twin-1-hpa", "edge-good-good", "unknown/type",
		"dns/name", "port/port", "quantity/resources.limits.memory", "image/image", "no-image/image", "schedule/schedule",
		"claim/storage", "svc/port", "twin-1/name", "twin-2/name", "hpa/minReplicas",
	} {
		require.Contains(t, found, want, answer["error"])
	}
	for _, p := range answer["problems"].([]any) {
		require.Contains(t, answer["error"], p.(object)["label"], "the text alone must do, too")
	}
	require.Contains(t, answer["error"], `deployment "a" → deployment "b" → deployment "a"`)
	require.NotContains(t, found, "good")
	require.Empty(t, ann.runs(t, id))
	requireNoNamespace(t, cluster, namespace)
}
