package kinds

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
)

// digitsOf are numbers that a float64 would change, and one that is plain.
const digitsOf = `{"A": 12345678901234567890, "B": 1.10, "C": 0.1234567890123456789, "D": 9007199254740993, "E": 1.5}`

func exactDigits() map[string]string {
	return map[string]string{
		"A": "12345678901234567890", "B": "1.10", "C": "0.1234567890123456789", "D": "9007199254740993", "E": "1.5",
	}
}

// drawnNode reads data as a request does.
func drawnNode(t *testing.T, typ, data string) *Node {
	t.Helper()
	n := &Node{ID: "n", Type: typ, Name: "web", Namespace: "default"}
	require.NoError(t, json.Unmarshal([]byte(data), &n.Data))
	return n
}

func TestNumbersReachObjectsWithTheirDigits(t *testing.T) {
	t.Parallel()
	kinds := allKinds(t)

	t.Run("of a ConfigMap", func(t *testing.T) {
		t.Parallel()
		o := renderedOne(t, kinds, drawnNode(t, TypeConfigMap, `{"name": "web", "data": `+digitsOf+`, "annotations": `+digitsOf+`}`))
		data, _, err := unstructured.NestedStringMap(o.Object, "data")
		require.NoError(t, err)
		require.Equal(t, exactDigits(), data)
		require.Equal(t, exactDigits(), o.GetAnnotations())
	})
	t.Run("of variables", func(t *testing.T) {
		t.Parallel()
		o := renderedOne(t, kinds, drawnNode(t, TypeDeployment, `{"name": "web", "image": "nginx", "replicas": 2.0, "env": `+digitsOf+`}`))
		containers, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
		require.NoError(t, err)
		got := map[string]string{}
		for _, v := range containers[0].(map[string]any)["env"].([]any) {
			got[v.(map[string]any)["name"].(string)] = v.(map[string]any)["value"].(string)
		}
		require.Equal(t, exactDigits(), got)
		replicas, _, err := unstructured.NestedInt64(o.Object, "spec", "replicas")
		require.NoError(t, err)
		require.EqualValues(t, 2, replicas)
	})
	t.Run("of a typed part", func(t *testing.T) {
		t.Parallel()
		renderedOne(t, kinds, drawnNode(t, TypeDeployment, `{"image": "nginx", "livenessProbe": {"path": "/", "port": 80.0, "periodSeconds": 5.0}}`))
	})
}

func TestNumbersThatAResourceCannotHoldAreRefused(t *testing.T) {
	t.Parallel()
	kind, _ := allKinds(t).Lookup(TypePlugin)
	for data, field := range map[string]string{
		`{"name": "a", "templateId": "greeting", "message": "m", "replicas": 12345678901234567890}`:           "replicas",
		`{"name": "a", "templateId": "greeting", "message": "m", "replicas": "12345678901234567890"}`:         "replicas",
		`{"name": "a", "templateId": "greeting", "message": "m", "loud": {"x": [0.12345678901234567890123]}}`: "loud",
	} {
		require.Equal(t, models.Problems{{Field: field, Message: tooLong}}, kind.Check(drawnNode(t, TypePlugin, data)))
	}
	data := `{"name": "a", "templateId": "greeting", "message": 1.10, "replicas": "2.50", "loud": {"x": [1.10, 80.0]}}`
	n := drawnNode(t, TypePlugin, data)
	require.Empty(t, kind.Check(n))
	objs, err := kind.Render(n)
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"message": "1.10", "replicas": 2.5, "loud": map[string]any{"x": []any{1.1, int64(80)}}, "to": map[string]any{"place": "here"},
	}, objs[0].Object["spec"])
}

func renderedOne(t *testing.T, kinds *Registry, n *Node) *unstructured.Unstructured {
	t.Helper()
	kind, _ := kinds.Lookup(n.Type)
	require.Empty(t, kind.Check(n))
	objs, err := kind.Render(n)
	require.NoError(t, err)
	require.Len(t, objs, 1)
	return objs[0]
}
