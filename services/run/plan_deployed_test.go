package run

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/models"
)

func TestPreviewOfWhatWasDeployed(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	w := r.drawIn(namespace, shop)
	run := r.mustRun(w.ID, shopValues())
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	r.saveIn(namespace, w.ID, "other:configmap") // what is drawn meanwhile does not matter
	preview := func(nodes ...string) models.RunPlan {
		found, err := r.exec.PreviewDeployed(t.Context(), w.ID, nodes)
		require.NoError(t, err)
		require.Len(t, found, len(nodes))
		return models.RunPlan{Nodes: found}
	}
	all := preview("conf", "pw", "data", "db", "web", "worker", "svc", "in", "auto", "wall", "tick")
	for object, action := range said(all) {
		require.Equal(t, models.PlanUnchanged, action, object)
	}
	for _, n := range preview("web").Nodes[0].Objects {
		require.Empty(t, n.Changes, "a node alone follows the settings of others, too")
	}

	client := cluster.Client()
	_, err := client.AppsV1().Deployments(namespace).Patch(t.Context(), "web", types.StrategicMergePatchType,
		[]byte(`{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"nginx:edited"}]}}}}`), metav1.PatchOptions{FieldManager: "somebody"})
	require.NoError(t, err)
	require.NoError(t, client.CoreV1().ConfigMaps(namespace).Delete(t.Context(), "conf", metav1.DeleteOptions{}))
	_, err = client.CoreV1().Secrets(namespace).Patch(t.Context(), "pw", types.MergePatchType,
		[]byte(`{"stringData":{"password":"edited-value","more":"added-value"}}`), metav1.PatchOptions{FieldManager: "somebody"})
	require.NoError(t, err)
	found := preview("conf", "pw", "web")
	require.Equal(t, models.PlanCreated, said(found)["ConfigMap conf"])
	d := found.Nodes[indexOfNode(t, found, "web")].Objects[1]
	require.Equal(t, []models.FieldChange{{
		Path: "spec.template.spec.containers[name=web].image", From: "nginx:edited", To: "nginx", Manager: "somebody", At: d.Changes[0].At,
	}}, d.Changes)
	secret := found.Nodes[indexOfNode(t, found, "pw")].Objects[0]
	require.Equal(t, models.PlanConfigured, secret.Action, "%+v", secret)
	require.Equal(t, []models.FieldChange{{
		Path: "data.password", From: models.MaskedValue, To: models.MaskedValue, Manager: "somebody", At: secret.Additions[0].At,
	}}, secret.Changes, "a run keeps it, and drift tells it")
	require.Equal(t, "data.more", secret.Additions[0].Path)
	require.Equal(t, models.MaskedValue, secret.Additions[0].Value)

	_, err = client.CoreV1().Secrets(namespace).Patch(t.Context(), "web-env", types.MergePatchType, []byte(`{"data":{"TOKEN":null}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	env := preview("web").Nodes[0].Objects[0]
	require.Equal(t, []models.FieldChange{{Path: "data.TOKEN", To: models.MaskedValue}}, env.Changes)

	found2, err := r.exec.PreviewDeployed(t.Context(), w.ID, []string{"nowhere"})
	require.NoError(t, err)
	require.Empty(t, found2)
}
