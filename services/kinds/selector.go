package kinds

import (
	"crypto/sha256"
	"encoding/hex"

	"k8s.io/apimachinery/pkg/util/validation"
)

// The labels by which a drawing's pods are told apart. "app" alone does not:
// workloads of several types, and of several workflows, may share a name.
const (
	AppLabel      = "app"                  // the workload's name
	WorkflowLabel = "kubeorch.io/workflow" // NodeLabel of the workflow's id
	NodeIDLabel   = "kubeorch.io/node"     // NodeLabel of the node's id
	TypeLabel     = "kubeorch.io/type"     // the workload's node type
)

// NodeLabel returns the value of NodeIDLabel for a node id: the id itself
// where it can be a label's value, else a stable hash of it.
func NodeLabel(id string) string {
	if id != "" && len(validation.IsValidLabelValue(id)) == 0 {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "sha256-" + hex.EncodeToString(sum[:16])
}

// podsOf returns the labels that select the pods of workload w, for Services
// and policies. The node's id is among them only where the name does not tell:
// a workload that is drawn anew under another id keeps its pods until new ones
// are ready, and they are to be found all that time.
func podsOf(w *Node) map[string]string {
	labels := map[string]string{AppLabel: w.Name}
	if w.Workflow != "" {
		labels[WorkflowLabel] = w.Workflow
	}
	if w.Shared {
		labels[NodeIDLabel] = NodeLabel(w.ID)
	}
	return labels
}

// ownPods returns the labels by which a workload knows its pods. They can never
// be changed, so they say only what makes the workload another object: its
// name and type.
func ownPods(w *Node) map[string]string {
	return map[string]string{AppLabel: w.Name, TypeLabel: w.Type}
}
