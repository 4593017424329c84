package watcher

import (
	"context"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/status"
)

// tellLost has the statuses of a workflow say that nobody can tell them any
// more, because its owner has no access to the cluster. Nodes that have none,
// or were taken away, stay as they are.
func (m *Manager) tellLost(ctx context.Context, wf models.Workflow, lost error) error {
	why := models.MessageOf(lost)
	for _, n := range wf.Nodes {
		last := n.Data.Map(models.StatusKey)
		next := status.Unseen(n.Type, why)
		if last == nil || status.Equal(last, next) || status.Equal(last, status.Removed(n.Type)) {
			continue
		}
		if err := m.deps.Workflows.SetNodeStatus(ctx, wf.ID, n.ID, next, nil); err != nil {
			return err
		}
		update := models.NodeUpdate{NodeID: n.ID, Type: n.Type, Status: next}
		if err := m.deps.Events.Publish(models.WorkflowStream(wf.ID), models.EventNodeUpdate, update); err != nil {
			m.deps.Log.ErrorContext(ctx, "a status could not be published", "workflow", wf.ID, "node", n.ID, "err", err)
		}
	}
	return nil
}
