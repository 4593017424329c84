package plan

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/services/kinds"
)

// What marks an object as a node's. Pod templates carry the two labels as
// well, so that pods are found by them.
const (
	WorkflowLabel    = kinds.WorkflowLabel   // label: NodeLabel of the workflow's id
	NodeIDLabel      = kinds.NodeIDLabel     // label: NodeLabel of the node's id
	NodeIDAnnotation = "kubeorch.io/node-id" // annotation: the node's id as it is
)

// NodeLabel returns the value of NodeIDLabel for a node id.
func NodeLabel(id string) string { return kinds.NodeLabel(id) }

// markOwner marks o, and the pods it makes, as a node's.
func markOwner(o *unstructured.Unstructured, workflowID, nodeID string) {
	labels := map[string]string{WorkflowLabel: NodeLabel(workflowID), NodeIDLabel: NodeLabel(nodeID)}
	meta := ensureMap(o.Object, "metadata")
	setAll(ensureMap(meta, "labels"), labels)
	ensureMap(meta, "annotations")[NodeIDAnnotation] = nodeID
	for _, m := range podMetas(o) {
		setAll(ensureMap(m, "labels"), labels)
	}
}

// podMetas returns the metadata of the templates within o. Those of a
// StatefulSet's claims are left out: they cannot be changed later, and a node
// may get another id.
func podMetas(o *unstructured.Unstructured) []map[string]any {
	spec, _ := o.Object["spec"].(map[string]any)
	switch o.GetKind() {
	case "CronJob":
		job := ensureMap(spec, "jobTemplate")
		return []map[string]any{ensureMap(job, "metadata"), ensureMap(ensureMap(ensureMap(job, "spec"), "template"), "metadata")}
	case "Deployment", "StatefulSet", "DaemonSet", "Job":
		return []map[string]any{ensureMap(ensureMap(spec, "template"), "metadata")}
	}
	return nil
}

// ensureMap returns the object at key, made when absent.
func ensureMap(m map[string]any, key string) map[string]any {
	c, ok := m[key].(map[string]any)
	if !ok {
		c = make(map[string]any)
		m[key] = c
	}
	return c
}

func setAll(m map[string]any, labels map[string]string) {
	for k, v := range labels {
		m[k] = v
	}
}
