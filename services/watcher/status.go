package watcher

import (
	"errors"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/panics"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/services/status"
)

// updateStatus computes the status of a node, and stores and publishes a new one.
func (w *resourceWatcher) updateStatus(ref nodeRef) {
	err := panics.ToError(func() error { return w.tryUpdateStatus(ref) })
	if err == nil || w.ctx.Err() != nil || models.KindOf(err) == models.Conflict { // another server's by now
		return
	}
	w.log.Warn("a status could not be updated", "workflow", ref.workflow, "node", ref.node, "err", err)
	if _, panicked := errors.AsType[*panics.Error](err); !panicked { // it would panic again
		w.queue.Add(ref, statusRetry)
	}
}

func (w *resourceWatcher) tryUpdateStatus(ref nodeRef) error {
	w.mu.RLock()
	t := w.tracked[ref.workflow]
	if t == nil || t.nodes[ref.node] == nil {
		w.mu.RUnlock()
		return nil
	}
	n, v := t.nodes[ref.node], w.view(t, ref)
	w.mu.RUnlock()

	next, last := w.nextStatus(t, n, ref, v), w.lastOf(n)
	if next == nil || status.Equal(last, next) {
		return nil
	}
	if v.wait > 0 && last != nil {
		w.queue.Add(ref, v.wait)
		return nil
	}
	if err := w.storeStatus(t.id, n, next); err != nil {
		return err
	}
	w.mu.Lock()
	n.last = next
	w.mu.Unlock()
	return nil
}

// view is what the informers hold for a node.
type view struct {
	complete bool // every informer has been read once
	objects  []*status.Object
	pods     []*status.Pod
	events   []*status.Event
	wait     time.Duration // until then events may give a reason that is not known yet
}

// view collects what the informers hold. The caller holds w.mu.
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
	v.events, v.wait = w.eventsOf(n, ref), w.untilEvents(n)
	if n.source.Pods == status.NoPods || w.pods == nil {
		v.complete = true
		return v
	}
	v.complete = w.pods.Synced() || w.pods.Failed()
	if n.source.Pods == status.NodePods {
		v.pods = w.pods.Group(ref.group())
		return v
	}
	for node := range t.nodes {
		v.pods = append(v.pods, w.pods.Group(nodeRef{ref.workflow, node}.group())...)
	}
	return v
}

// nextStatus returns the status of a node, or nil where the stored one stays.
func (w *resourceWatcher) nextStatus(t *trackedWorkflow, n *trackedNode, ref nodeRef, v view) status.Status {
	if !v.complete {
		return nil
	}
	object := n.pick(v.objects)
	w.mu.Lock()
	since, missed := w.presence(n, object != nil)
	w.mu.Unlock()
	switch {
	case object != nil:
		return status.Of(object, v.pods, v.events...)
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

// presence notes whether the object of a node is there. since is how long a missed
// object has been absent. The caller holds w.mu.
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

// stillWanted reports whether a node's object belongs in the cluster. It does not
// when the workflow was archived or the node left the drawing.
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

func (w *resourceWatcher) storeStatus(workflowID string, n *trackedNode, next status.Status) error {
	var secretCreated *bool
	if n.kind == kinds.TypeSecret {
		created, _ := next["secretCreated"].(bool)
		secretCreated = &created
	}
	return w.put(w.ctx, workflowID, n.id, n.kind, next, secretCreated)
}
