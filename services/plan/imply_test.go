package plan

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/kinds"
)

func TestStoredNamesStandInForEdges(t *testing.T) {
	t.Parallel()
	reg := registry(t)

	t.Run("an autoscaler that names a workload owns its replicas", func(t *testing.T) {
		t.Parallel()
		g := drawGraph("h:hpa w:deployment x:deployment")
		g.Nodes[0].Data["scaleTargetName"] = "w"
		g.Nodes[0].Data["scaleTargetKind"] = "Deployment"
		g.Nodes[1].Data["replicas"], g.Nodes[2].Data["replicas"] = int64(2), int64(2)
		p, problems := Build(g, reg, Options{})
		require.Empty(t, problems)
		require.False(t, hasReplicas(t, p, "w"))
		require.True(t, hasReplicas(t, p, "x"))
		require.Equal(t, []string{"w"}, step(t, p, "h").DependsOn)
	})
	t.Run("an edge wins over the stored name", func(t *testing.T) {
		t.Parallel()
		g := drawGraph("h:hpa w:deployment x:deployment h>x")
		g.Nodes[0].Data["scaleTargetName"] = "w"
		g.Nodes[1].Data["replicas"], g.Nodes[2].Data["replicas"] = int64(2), int64(2)
		p, problems := Build(g, reg, Options{})
		require.Empty(t, problems)
		require.True(t, hasReplicas(t, p, "w"))
		require.False(t, hasReplicas(t, p, "x"))
	})
	t.Run("a drawn service of the right name governs", func(t *testing.T) {
		t.Parallel()
		g := drawGraph("db:statefulset db-headless:service")
		p, problems := Build(g, reg, Options{})
		require.Empty(t, problems)
		require.Len(t, step(t, p, "db").Objects, 1)
		g.Nodes[1].Data["namespace"] = "elsewhere"
		p, problems = Build(g, reg, Options{})
		require.Empty(t, problems)
		require.Len(t, step(t, p, "db").Objects, 2)
		require.Equal(t, []string{"default", "elsewhere"}, p.Namespaces())
	})
	t.Run("a mount follows its node by id", func(t *testing.T) {
		t.Parallel()
		g := drawGraph("w:deployment c:configmap")
		g.Nodes[0].Data["volumeMounts"] = []any{map[string]any{"type": "configMap", "name": "old", "mountPath": "/etc/c", "nodeId": "c"}}
		g.Nodes[1].Data["name"] = "renamed"
		p, problems := Build(g, reg, Options{})
		require.Empty(t, problems)
		require.Equal(t, []string{"c"}, step(t, p, "w").DependsOn)
		volumes, _, _ := unstructured.NestedSlice(step(t, p, "w").Objects[0].Object, "spec", "template", "spec", "volumes")
		require.Equal(t, []any{map[string]any{"name": "renamed-volume", "configMap": map[string]any{"name": "renamed"}}}, volumes)
	})
}

func TestServerOwnedKeysAreNotInput(t *testing.T) {
	t.Parallel()
	seen := make(chan models.Data, 1)
	reg, err := kinds.NewRegistry(spy{seen})
	require.NoError(t, err)
	data := models.Data{"name": " a ", "namespace": "", models.StatusKey: "x", models.SecretCreatedKey: true}
	p, problems := Build(models.Graph{Nodes: []models.Node{{ID: "n", Type: "spy", Data: data}}}, reg, Options{})
	require.Empty(t, problems)
	require.Equal(t, models.Data{"name": " a ", "namespace": ""}, <-seen)
	require.Len(t, data, 4, "the drawing itself stays as it is")
	require.Equal(t, "a", p.Steps[0].Name)
	require.Equal(t, "default", p.Steps[0].Namespace)
}

// spy tells what it was asked to check.
type spy struct{ seen chan<- models.Data }

func (spy) Type() string { return "spy" }

func (s spy) Check(n *kinds.Node) models.Problems {
	s.seen <- n.Data
	return nil
}

func (spy) Render(*kinds.Node) ([]*unstructured.Unstructured, error) { return nil, nil }

func hasReplicas(t *testing.T, p *Plan, id string) bool {
	t.Helper()
	_, found, err := unstructured.NestedInt64(step(t, p, id).Objects[0].Object, "spec", "replicas")
	require.NoError(t, err)
	return found
}
