package run

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/models"
)

// What only the API server can refuse fails a run before its first write.
func TestRunIsTriedBeforeItsFirstWrite(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	w := r.drawIn(namespace, "conf:configmap web:deployment svc:service conf>web svc>web")
	r.setData(w.ID, "svc", func(d models.Data) {
		d["type"], d["serviceType"] = "NodePort", "NodePort"
		d["ports"] = []any{map[string]any{"port": int64(80), "nodePort": int64(29999)}}
	})
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunFailed, run.Status)
	require.Contains(t, run.Error, "29999")
	require.Equal(t, map[string]string{"conf": "skipped", "web": "skipped", "svc": "failed"}, states(run))
	require.Empty(t, r.written(w))

	r.saveIn(namespace, w.ID, "db:statefulset")
	require.Equal(t, models.RunCompleted, r.mustRun(w.ID, models.TriggerData{}).Status)
	r.saveIn(namespace, w.ID, "conf:configmap db:statefulset")
	r.setData(w.ID, "db", func(d models.Data) { d["serviceName"] = "another" })
	run = r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunFailed, run.Status)
	_, err := cluster.Client().CoreV1().ConfigMaps(namespace).Get(t.Context(), "conf", metav1.GetOptions{})
	require.Error(t, err, "nothing is half applied")
}

// setData changes the data of a node.
func (r *rig) setData(workflowID, node string, change func(models.Data)) {
	r.t.Helper()
	w, err := r.workflows.Get(r.t.Context(), ann, workflowID)
	require.NoError(r.t, err)
	for i := range w.Nodes {
		if w.Nodes[i].ID == node {
			change(w.Nodes[i].Data)
		}
	}
	_, err = r.workflows.Update(r.t.Context(), ann, workflowID, models.WorkflowPatch{Nodes: &w.Nodes, Edges: &w.Edges}, models.Now())
	require.NoError(r.t, err)
}
