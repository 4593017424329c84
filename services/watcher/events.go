package watcher

import (
	"context"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/pkg/watch"
	"github.com/kubeorch/core/services/status"
)

const (
	kindClaim       = "PersistentVolumeClaim"
	kindStatefulSet = "StatefulSet"
	kindJob         = "Job"
	kindCronJob     = "CronJob"
)

// eventInformer watches the events that statuses speak of.
type eventInformer struct {
	*watch.Informer[*status.Event]
	cancel context.CancelFunc
	began  time.Time
}

func (w *resourceWatcher) watchEvents() *eventInformer {
	ofEvents, failed := func(n *trackedNode) bool { return n.source.Events() }, w.cannotWatch(status.EventResource())
	i := watch.New(w.cluster, watch.Query{Resource: status.EventResource(), Fields: status.EventFields},
		watch.Options[*status.Event]{
			Extract: func(o metav1.Object) (string, *status.Event) {
				u, _ := o.(*unstructured.Unstructured)
				e := status.ExtractEvent(u)
				if e == nil {
					return "", nil
				}
				return eventGroup(e.Kind, e.Namespace, e.Name), e
			},
			Changed: w.enqueueEvents,
			Synced:  func() { w.enqueueAll(ofEvents) },
			// Where events may not be read, statuses have no reasons from events.
			Failed: func(err error) { failed(err); w.enqueueAll(ofEvents) },
		})
	return &eventInformer{i, w.run(i.Run), time.Now()}
}

// untilEvents returns how long the stored status of a node may stay because the
// events have not been read. The caller holds w.mu.
func (w *resourceWatcher) untilEvents(n *trackedNode) time.Duration {
	i := w.clusterEvents
	if !n.source.Events() || i == nil || i.Synced() || i.Failed() {
		return 0
	}
	return eventsWait - time.Since(i.began)
}

// eventGroup is the group of the events about an object. The claims that are made
// for StatefulSets are grouped by the last word of the StatefulSet's name, since
// theirs does not tell where it begins. Jobs are grouped by the name of the CronJob
// that may have made them.
func eventGroup(kind, namespace, name string) string {
	if cronJob, ok := status.JobOwner(name); ok && kind == kindJob {
		name = cronJob
	}
	if owners := status.ClaimOwners(name); kind == kindClaim && len(owners) > 0 {
		return claimGroup(namespace, owners[len(owners)-1])
	}
	return kind + "/" + namespace + "/" + name
}

func claimGroup(namespace, statefulSet string) string {
	return "claims of StatefulSets/" + namespace + "/" + statefulSet[strings.LastIndexByte(statefulSet, '-')+1:]
}

// enqueueEvents enqueues the nodes that the events of a group are about.
func (w *resourceWatcher) enqueueEvents(group string) {
	kind, rest, _ := strings.Cut(group, "/")
	namespace, name, _ := strings.Cut(rest, "/")
	if kind == "Pod" {
		w.mu.RLock()
		pods := w.pods
		w.mu.RUnlock()
		if pods != nil {
			w.enqueue(refOf(pods.GroupOf(namespace, name)))
		}
		return
	}
	w.enqueueAll(func(n *trackedNode) bool {
		return n.namespace == namespace &&
			(eventGroup(n.source.Kind, namespace, n.name) == group || madeGroup(n) == group)
	})
}

// madeGroup is the group of the events about what the controller of a node's object
// makes for it, other than pods; empty for most kinds.
func madeGroup(n *trackedNode) string {
	switch n.source.Kind {
	case kindStatefulSet:
		return claimGroup(n.namespace, n.name)
	case kindCronJob:
		return kindJob + "/" + n.namespace + "/" + n.name
	}
	return ""
}

// makes reports whether an event of the node's madeGroup is about something that
// was made for the node's object.
func (n *trackedNode) makes(e *status.Event) bool {
	if e.Kind == kindJob {
		cronJob, ok := status.JobOwner(e.Name)
		return ok && cronJob == n.name
	}
	return slices.Contains(status.ClaimOwners(e.Name), n.name)
}

// eventsOf returns the events about a node's object, its pods and what else was
// made for it. The caller holds w.mu.
func (w *resourceWatcher) eventsOf(n *trackedNode, ref nodeRef) []*status.Event {
	if w.clusterEvents == nil {
		return nil
	}
	about := w.clusterEvents.Group(eventGroup(n.source.Kind, n.namespace, n.name))
	about = slices.DeleteFunc(about, func(e *status.Event) bool { return e.Name != n.name })
	if made := madeGroup(n); made != "" {
		for _, e := range w.clusterEvents.Group(made) {
			if n.makes(e) {
				about = append(about, e)
			}
		}
	}
	if n.source.Pods == status.NodePods && w.pods != nil {
		for _, pod := range w.pods.Names(ref.group()) {
			about = append(about, w.clusterEvents.Group(eventGroup("Pod", pod.Namespace, pod.Name))...)
		}
	}
	return about
}
