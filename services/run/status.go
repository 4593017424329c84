package run

import (
	"context"
	"reflect"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/kinds"
)

// showNode stores and publishes what only the run knows of a node: that it failed,
// or whether a Secret has its values. All else is read from the cluster.
func (e *Executor) showNode(ctx context.Context, s *session, w *nodeWork) {
	var status map[string]any
	var secretCreated *bool
	switch {
	case w.failure != "":
		status = map[string]any{"state": failedState(w.step.Type), "message": w.failure}
	case w.step.Type == kinds.TypeSecret:
		created := !w.waiting
		secretCreated = &created
		status = map[string]any{"state": "created"}
		if w.waiting {
			status = map[string]any{"state": "pending", "message": "no values were typed yet"}
		}
	default:
		return
	}
	e.show(ctx, s, w.step.NodeID, w.step.Type, status, secretCreated)
}

// failedState returns the frontend's word for failure of a node type.
func failedState(nodeType string) string {
	if nodeType == kinds.TypeJob {
		return "failed"
	}
	return "error"
}

// show stores and publishes a node's status, unless that is stored already.
func (e *Executor) show(
	ctx context.Context, s *session, nodeID, nodeType string, status map[string]any, secretCreated *bool,
) {
	if !e.storeStatus(ctx, s, nodeID, status, secretCreated) {
		return
	}
	err := e.deps.Events.Publish(models.WorkflowStream(s.run.WorkflowID), models.EventNodeUpdate,
		models.NodeUpdate{NodeID: nodeID, Type: nodeType, Status: status})
	if err != nil {
		e.deps.Log.WarnContext(ctx, "a node's status could not be published", "workflow", s.run.WorkflowID, "err", err)
	}
}

// storeStatus stores a node's status and reports whether it is a new one.
func (e *Executor) storeStatus(
	ctx context.Context, s *session, nodeID string, status map[string]any, secretCreated *bool,
) (changed bool) {
	for _, n := range s.workflow.Nodes {
		if n.ID != nodeID {
			continue
		}
		same := reflect.DeepEqual(n.Data[models.StatusKey], any(status))
		if same && (secretCreated == nil || n.Data[models.SecretCreatedKey] == any(*secretCreated)) {
			return false
		}
	}
	if err := e.deps.Workflows.SetNodeStatus(ctx, s.run.WorkflowID, nodeID, status, secretCreated); err != nil {
		e.deps.Log.WarnContext(ctx, "a node's status could not be stored", "workflow", s.run.WorkflowID, "err", err)
	}
	return true
}
