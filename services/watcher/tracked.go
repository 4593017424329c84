package watcher

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/services/plan"
	"github.com/kubeorch/core/services/status"
)

// trackedWorkflow is a workflow whose statuses a watcher keeps.
type trackedWorkflow struct {
	id       string
	label    string                  // of its objects
	nodes    map[string]*trackedNode // by the label of their objects
	policies []string                // nodes that depend on all pods of the workflow

	applied []appliedObject
	readAt  time.Time             // when applied was read
	told    *models.DriftSighting // what was told last of them; one worker at a time has it
}

// trackedNode is a node of a trackedWorkflow. The queue hands a node to one worker
// at a time; the watcher's lock guards the fields that change, since track may
// replace a node meanwhile.
type trackedNode struct {
	id, kind        string // kind is the node's type
	name, namespace string
	resources       []schema.GroupVersionResource // where its object may be
	source          status.Source

	last    status.Status // as stored
	seen    bool          // its object was there
	missing time.Time     // since when it is absent
}

// newTrackedWorkflow returns the nodes of wf that have a status in the cluster, and the
// objects that were found there.
func newTrackedWorkflow(wf models.Workflow, found located) *trackedWorkflow {
	t := &trackedWorkflow{
		id: wf.ID, label: plan.NodeLabel(wf.ID), nodes: make(map[string]*trackedNode, len(wf.Nodes)),
		applied: found.applied, readAt: time.Now(),
	}
	for _, n := range wf.Nodes {
		source, ok := status.SourceOf(n.Type)
		if !ok {
			continue
		}
		resources := []schema.GroupVersionResource{source.Resource}
		if source.Resource.Empty() {
			resources = found.custom
		}
		label := plan.NodeLabel(n.ID)
		t.nodes[label] = &trackedNode{
			id: n.ID, kind: n.Type, name: n.Data.String("name"), namespace: kinds.NamespaceOf(n.Data),
			resources: resources, source: source, last: n.Data.Map(models.StatusKey),
		}
		if source.Pods == status.WorkflowPods {
			t.policies = append(t.policies, label)
		}
	}
	return t
}

// remember copies from before what was seen of the same nodes.
func (t *trackedWorkflow) remember(before *trackedWorkflow) {
	for label, n := range t.nodes {
		if old := before.nodes[label]; old != nil && old.kind == n.kind {
			n.seen, n.missing = old.seen, old.missing
		}
	}
}

// pick returns the node's object among those that carry its labels: the one of the
// drawn name, else one that is not being deleted. After a change of the name, both
// the old and the new object may be there.
func (n *trackedNode) pick(objects []*status.Object) *status.Object {
	var best *status.Object
	rank := func(o *status.Object) int {
		r := 0
		if o.Name == n.name && o.Namespace == n.namespace {
			r += 2
		}
		if !o.Deleting {
			r++
		}
		return r
	}
	for _, o := range objects {
		switch {
		case best == nil || rank(o) > rank(best):
			best = o
		case rank(o) == rank(best) && o.Namespace+"/"+o.Name < best.Namespace+"/"+best.Name:
			best = o
		}
	}
	return best
}

// isMissed reports whether the node's object was there before, as seen or by its
// stored status. The object of an ended job is not missed, since clusters remove
// those.
func (n *trackedNode) isMissed() bool {
	state, _ := n.last["state"].(string)
	if n.kind == kinds.TypeJob && (state == "completed" || state == "failed") {
		return false
	}
	if n.seen {
		return true
	}
	switch state {
	case "", "pending", "Pending", "error", "failed":
		return readFromCluster(n.last)
	}
	return true
}

// readFromCluster reports whether a status tells of an object that was there. Runs
// store nothing but a state and a message.
func readFromCluster(s status.Status) bool {
	switch s["reason"] {
	case "Removed", "Deleted", "AccessLost":
		return false
	}
	for key := range s {
		if key != "state" && key != "message" {
			return true
		}
	}
	return s["state"] == "Pending" // the phase of a claim
}
