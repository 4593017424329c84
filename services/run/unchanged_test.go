package run

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/kinds"
)

const typedCanary = "typed-value-of-a-test"

// A run of what is in the cluster already writes nothing, and asks about no object: the
// list of them tells enough. What somebody edits, and what a deleted object leaves, is
// applied again.
func TestRerunAsksOnlyAboutWhatChanged(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	w := r.drawIn(namespace, "web:deployment conf:configmap pw:secret conf>web pw>web")
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, typedSecret("pw", "password", typedCanary)).Status)
	before := r.written(w)

	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, map[string]string{"web": "unchanged", "conf": "unchanged", "pw": "unchanged"}, actions(run))
	require.Equal(t, before, r.written(w))
	inventory, err := r.workflows.Inventory(t.Context(), w.ID)
	require.NoError(t, err)
	for _, o := range inventory {
		require.NotEmpty(t, o.Applied.UID, o.Name)
		require.NotEmpty(t, o.Applied.Fields, o.Name)
		require.Equal(t, run.Version, o.Applied.Version, o.Name)
	}

	client := cluster.Client()
	_, err = client.AppsV1().Deployments(namespace).Patch(t.Context(), "web", types.JSONPatchType,
		[]byte(`[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "nginx:evil"}]`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	require.NoError(t, err)
	require.NoError(t, client.CoreV1().ConfigMaps(namespace).Delete(t.Context(), "conf", metav1.DeleteOptions{}))
	require.Equal(t, map[string]string{"web": "configured", "conf": "created", "pw": "unchanged"}, actions(r.mustRun(w.ID, models.TriggerData{})))
	web, err := client.AppsV1().Deployments(namespace).Get(t.Context(), "web", metav1.GetOptions{})
	require.NoError(t, err)
	require.NotEqual(t, "nginx:evil", web.Spec.Template.Spec.Containers[0].Image)
	require.Equal(t, map[string]string{"web": "unchanged", "conf": "unchanged", "pw": "unchanged"}, actions(r.mustRun(w.ID, models.TriggerData{})))
}

// A Secret to which somebody has written a value of their own keeps it, as a Secret
// does that people maintain, and says which keys it has.
func TestRerunKeepsTheValuesOfSecrets(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	w := r.drawIn(namespace, "pw:secret")
	r.mustRun(w.ID, typedSecret("pw", "password", typedCanary))
	secrets := cluster.Client().CoreV1().Secrets(namespace)
	_, err := secrets.Patch(t.Context(), "pw", types.MergePatchType, []byte(`{"data":{"password":"bmV3"}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	require.NoError(t, err)
	for range 2 {
		r.mustRun(w.ID, models.TriggerData{})
		s, err := secrets.Get(t.Context(), "pw", metav1.GetOptions{})
		require.NoError(t, err)
		require.Equal(t, "new", string(s.Data["password"]))
	}
	r.mustRun(w.ID, typedSecret("pw", "password", typedCanary))
	s, err := secrets.Get(t.Context(), "pw", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, typedCanary, string(s.Data["password"]))
}

// Pods start again when a ConfigMap of the workflow changes that they use, and only
// then.
func TestPodsFollowTheirSettings(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	draw := func(value string) models.WorkflowPatch {
		g := drawing("web:deployment conf:configmap other:configmap conf>web")
		for i := range g.Nodes {
			g.Nodes[i].Data["namespace"] = namespace
			if g.Nodes[i].Type == kinds.TypeConfigMap {
				g.Nodes[i].Data["data"] = map[string]any{"a": "1"}
			}
			if g.Nodes[i].ID == "conf" {
				g.Nodes[i].Data["data"] = map[string]any{"a": value}
			}
		}
		return models.WorkflowPatch{Nodes: &g.Nodes, Edges: &g.Edges}
	}
	template := func() corev1.PodTemplateSpec {
		web, err := cluster.Client().AppsV1().Deployments(namespace).Get(t.Context(), "web", metav1.GetOptions{})
		require.NoError(t, err)
		return web.Spec.Template
	}
	w := r.draw("")
	run := func(value string) corev1.PodTemplateSpec {
		_, err := r.workflows.Update(t.Context(), ann, w.ID, draw(value), models.Now())
		require.NoError(t, err)
		done := r.mustRun(w.ID, models.TriggerData{})
		require.Equal(t, models.RunCompleted, done.Status, done.Error)
		return template()
	}
	first := run("1")
	require.Equal(t, first, run("1"))
	second := run("2")
	require.NotEqual(t, first.Annotations, second.Annotations)
	require.Equal(t, first.Annotations, run("1").Annotations)
}

// actions returns what a run did to the first object of each node.
func actions(run models.Run) map[string]string {
	done := map[string]string{}
	for id, state := range run.NodeStates {
		if len(state.Result) > 0 {
			done[id] = state.Result[0].Action
		}
	}
	return done
}
