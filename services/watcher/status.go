package watcher

import (
	"runtime/debug"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/services/status"
)

// look makes the status of a node and stores and publishes it if it is new.
func (w *resourceWatcher) look(ref nodeRef) {
	defer func() {
		if p := recover(); p != nil {
			w.log.Error("a status could not be made", "workflow", ref.workflow, "node", ref.node, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	w.mu.RLock()
	t := w.tracked[ref.workflow]
	if t == nil || t.nodes[ref.node] == nil {
		w.mu.RUnlock()
		return
	}
	n, v := t.nodes[ref.node], w.view(t, ref)
	w.mu.RUnlock()

	next := w.judge(t, n, ref, v)
	if next == nil || status.Equal(w.lastOf(n), next) {
		return
	}
	if err := w.tell(t.id, n, next); err != nil {
		if w.ctx.Err() == nil {
			w.log.Warn("a status could not be stored", "workflow", t.id, "node", n.id, "err", err)
			w.queue.Add(ref, statusRetry)
		}
		return
	}
	w.mu.Lock()
	n.last = next
	w.mu.Unlock()
}

// view is what the informers know of a node.
type view struct {
	known   bool // what they know is complete
	objects []*status.Object
	pods    []*status.Pod
}

// view needs w.mu.
func (w *resourceWatcher) view(t *trackedWorkflow, ref nodeRef) (v view) {
	n := t.nodes[ref.node]
	if len(n.resources) == 0 {
		return v
	}
	for _, resource := range n.resources {
		kind := w.kinds[resource]
		if kind == nil || !kind.Synced() {
			return v
		}
		v.objects = append(v.objects, kind.Group(ref.group())...)
	}
	if n.source.Pods == status.NoPods || w.pods == nil {
		v.known = true
		return v
	}
	v.known = w.pods.Synced() || w.pods.Failed()
	if n.source.Pods == status.NodePods {
		v.pods = w.pods.Group(ref.group())
		return v
	}
	for node := range t.nodes {
		v.pods = append(v.pods, w.pods.Group(nodeRef{ref.workflow, node}.group())...)
	}
	return v
}

// judge returns the status of a node, or nil where it stays as it is.
func (w *resourceWatcher) judge(t *trackedWorkflow, n *trackedNode, ref nodeRef, v view) status.Status {
	if !v.known {
		return nil
	}
	object := n.pick(v.objects)
	w.mu.Lock()
	since, missed := w.presence(n, object != nil)
	w.mu.Unlock()
	switch {
	case object != nil:
		return status.Of(object, v.pods)
	case !missed:
		return nil
	case since < goneFor:
		w.queue.Add(ref, goneFor-since)
		return nil
	case !w.stillWanted(t.id, n.id):
		return nil
	}
	return status.Deleted(n.source.Kind, n.namespace, n.name)
}

// presence notes whether the object of a node is there. since tells for how
// long one that is missed has been away. It needs w.mu.
func (w *resourceWatcher) presence(n *trackedNode, there bool) (since time.Duration, missed bool) {
	if there {
		n.seen, n.missing = true, time.Time{}
		return 0, false
	}
	if !n.isMissed() {
		return 0, false
	}
	if n.missing.IsZero() {
		n.missing = time.Now()
	}
	return time.Since(n.missing), true
}

// stillWanted reports whether a node's object ought to be in the cluster: a
// workflow that is torn down, or a node that was taken off the drawing, says
// nothing about objects that are gone.
func (w *resourceWatcher) stillWanted(workflowID, nodeID string) bool {
	wf, err := w.statuses.ByID(w.ctx, workflowID)
	if err != nil || wf.Status == models.WorkflowArchived {
		return false
	}
	for _, n := range wf.Nodes {
		if n.ID == nodeID {
			return true
		}
	}
	return false
}

func (w *resourceWatcher) lastOf(n *trackedNode) status.Status {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return n.last
}

// tell stores a status and then publishes it, so that whoever hears of it
// finds it stored.
func (w *resourceWatcher) tell(workflowID string, n *trackedNode, next status.Status) error {
	var secretCreated *bool
	if n.kind == kinds.TypeSecret {
		created, _ := next["secretCreated"].(bool)
		secretCreated = &created
	}
	if err := w.statuses.SetNodeStatus(w.ctx, workflowID, n.id, next, secretCreated); err != nil {
		return err
	}
	update := models.NodeUpdate{NodeID: n.id, Type: n.kind, Status: next}
	if err := w.events.Publish(models.WorkflowStream(workflowID), models.EventNodeUpdate, update); err != nil {
		w.log.Error("a status could not be published", "workflow", workflowID, "node", n.id, "err", err)
	}
	return nil
}
