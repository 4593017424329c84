package watcher

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/pkg/watch"
	"github.com/kubeorch/core/services/plan"
	"github.com/kubeorch/core/services/status"
)

// objectInformer watches the objects of one kind.
type objectInformer struct {
	*watch.Informer[*status.Object]
	cancel context.CancelFunc
}

// podInformer watches pods.
type podInformer struct {
	*watch.Informer[*status.Pod]
	cancel context.CancelFunc
}

func (r nodeRef) group() string { return r.workflow + "/" + r.node }

func refOf(group string) nodeRef {
	workflow, node, _ := strings.Cut(group, "/")
	return nodeRef{workflow, node}
}

// updateInformers starts the watches that the tracked nodes need and ends all
// others. The caller holds w.mu.
func (w *resourceWatcher) updateInformers() {
	needed := make(map[schema.GroupVersionResource]string) // the type of nodes whose objects are read like these
	needPods, needEvents := false, false
	for _, t := range w.tracked {
		for _, n := range t.nodes {
			for _, resource := range n.resources {
				needed[resource] = n.kind
			}
			needPods = needPods || n.source.Pods != status.NoPods
			needEvents = needEvents || n.source.Events()
		}
		for _, o := range t.applied {
			needed[o.resource] = o.nodeType
		}
	}
	for resource, i := range w.kinds {
		if needed[resource] == "" {
			i.cancel()
			delete(w.kinds, resource)
		}
	}
	for resource, nodeType := range needed {
		if w.kinds[resource] == nil {
			w.kinds[resource] = w.watchKind(resource, nodeType)
		}
	}
	switch {
	case needEvents && w.clusterEvents == nil:
		w.clusterEvents = w.watchEvents()
	case !needEvents && w.clusterEvents != nil:
		w.clusterEvents.cancel()
		w.clusterEvents = nil
	}
	switch {
	case needPods && w.pods == nil:
		w.pods = w.watchPods()
	case !needPods && w.pods != nil:
		w.pods.cancel()
		w.pods = nil
	}
}

// watchKind starts to watch a resource for nodes of a type.
func (w *resourceWatcher) watchKind(resource schema.GroupVersionResource, nodeType string) *objectInformer {
	extract, _ := status.Extractor(nodeType)
	source, _ := status.SourceOf(nodeType)
	failed := w.cannotWatch(resource)
	i := watch.New(w.cluster, watch.Query{Resource: resource, Selector: plan.ObjectSelector, Metadata: source.Metadata},
		watch.Options[*status.Object]{
			Extract: func(o metav1.Object) (string, *status.Object) { return plan.Group(o), marked(extract(o), o) },
			Changed: func(group string) { w.changed(refOf(group)) },
			Synced: func() {
				w.enqueueAll(func(n *trackedNode) bool { return slices.Contains(n.resources, resource) })
				w.compareAll()
			},
			Failed: func(err error) { failed(err); w.compareAll() },
		})
	return &objectInformer{i, w.run(i.Run)}
}

func (w *resourceWatcher) watchPods() *podInformer {
	ofPods := func(n *trackedNode) bool { return n.source.Pods != status.NoPods }
	failed := w.cannotWatch(status.PodResource())
	i := watch.New(w.cluster, watch.Query{Resource: status.PodResource(), Selector: plan.PodSelector},
		watch.Options[*status.Pod]{
			Extract: func(o metav1.Object) (string, *status.Pod) {
				u, _ := o.(*unstructured.Unstructured)
				return plan.Group(o), status.ExtractPod(u)
			},
			Changed: func(group string) { w.enqueuePods(refOf(group)) },
			Synced:  func() { w.enqueueAll(ofPods) },
			// Where pods may not be read, statuses have no reasons from pods.
			Failed: func(err error) { failed(err); w.enqueueAll(ofPods) },
		})
	return &podInformer{i, w.run(i.Run)}
}

// run runs an informer until the returned function is called.
func (w *resourceWatcher) run(f func(context.Context) error) context.CancelFunc {
	ctx, cancel := context.WithCancel(w.ctx)
	w.running.Go(func() {
		if err := f(ctx); err != nil {
			w.log.Error("a watch ended", "err", err)
		}
	})
	return cancel
}

func (w *resourceWatcher) cannotWatch(resource schema.GroupVersionResource) func(error) {
	return func(err error) {
		w.log.Warn("a kind cannot be watched; its statuses stay as they are", "kind", resource.GroupResource().String(), "err", err)
	}
}
