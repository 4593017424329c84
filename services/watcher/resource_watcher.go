package watcher

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/watch"
	"github.com/kubeorch/core/services/plan"
)

const (
	// settle is how long changes of a node are collected before its status is
	// made: a pod that starts changes several times within a moment.
	settle = 50 * time.Millisecond

	// goneFor is how long an object must be gone before its node says so.
	// Some objects are replaced by deleting them first.
	goneFor = 2 * time.Second

	// statusRetry is the pause after a status could not be stored.
	statusRetry = 2 * time.Second

	// statusWorkers make and store statuses of one cluster at the same time.
	statusWorkers = 4
)

// nodeStatuses stores what a watcher finds out.
type nodeStatuses interface {
	ByID(ctx context.Context, id string) (models.Workflow, error)
	SetNodeStatus(ctx context.Context, workflowID, nodeID string, status map[string]any, secretCreated *bool) error
}

// statusEvents tells the readers of a stream.
type statusEvents interface {
	Publish(key, event string, data any) error
}

// watchedCluster is the connection that a watcher reads from.
type watchedCluster interface {
	watch.Connection
	Mapping(ctx context.Context, gvk schema.GroupVersionKind) (*meta.RESTMapping, error)
	Done() <-chan struct{}
}

// resourceWatcher keeps the statuses of workflows' nodes up to date with one
// cluster. However many workflows and readers there are, it watches each kind
// of object once. Its methods may be called from many goroutines.
type resourceWatcher struct {
	cluster  watchedCluster
	statuses nodeStatuses
	events   statusEvents
	log      *slog.Logger
	queue    *watch.Queue[nodeRef]

	// ctx ends with stop; what the watcher does is not part of any request.
	ctx     context.Context //nolint:containedctx // see above
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.RWMutex
	tracked map[string]*trackedWorkflow // by the workflow's label
	kinds   map[schema.GroupVersionResource]*objectInformer
	pods    *podInformer
}

// nodeRef names a node as its objects' labels do.
type nodeRef struct{ workflow, node string }

// newResourceWatcher starts a watcher that nothing is tracked by yet. stop
// ends it.
func newResourceWatcher(
	ctx context.Context, cluster watchedCluster, statuses nodeStatuses, events statusEvents, log *slog.Logger,
) *resourceWatcher {
	w := &resourceWatcher{
		cluster: cluster, statuses: statuses, events: events, log: log,
		queue:   watch.NewQueue[nodeRef](),
		tracked: make(map[string]*trackedWorkflow),
		kinds:   make(map[schema.GroupVersionResource]*objectInformer),
	}
	w.ctx, w.cancel = context.WithCancel(ctx)
	for range statusWorkers {
		w.running.Go(func() { w.queue.Work(w.look) })
	}
	return w
}

// stop ends all watches and waits for what is being stored.
func (w *resourceWatcher) stop() {
	w.cancel()
	w.queue.Stop()
	w.running.Wait()
}

// track keeps the statuses of wf's nodes from now on, and looks at all of them
// at once. It takes the statuses in wf for what is stored, and looks for the
// objects of plugin nodes among custom.
func (w *resourceWatcher) track(wf models.Workflow, custom []schema.GroupVersionResource) {
	t := newTrackedWorkflow(wf, custom)
	w.mu.Lock()
	if before := w.tracked[t.label]; before != nil {
		t.remember(before)
	}
	w.tracked[t.label] = t
	w.updateInformers()
	w.mu.Unlock()
	for ref := range t.nodes {
		w.queue.Add(nodeRef{t.label, ref}, 0)
	}
}

// untrack leaves the statuses of a workflow's nodes as they are.
func (w *resourceWatcher) untrack(workflowID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.tracked, plan.NodeLabel(workflowID))
	w.updateInformers()
}

// touch has a node looked at soon. It is called by informers.
func (w *resourceWatcher) touch(ref nodeRef) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if t := w.tracked[ref.workflow]; t != nil && t.nodes[ref.node] != nil {
		w.queue.Add(ref, settle)
	}
}

// touchPods has what depends on a node's pods looked at soon.
func (w *resourceWatcher) touchPods(ref nodeRef) {
	w.touch(ref)
	w.mu.RLock()
	defer w.mu.RUnlock()
	if t := w.tracked[ref.workflow]; t != nil {
		for _, node := range t.policies {
			w.queue.Add(nodeRef{ref.workflow, node}, settle)
		}
	}
}

// touchAll has every node looked at that want accepts.
func (w *resourceWatcher) touchAll(want func(*trackedNode) bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for label, t := range w.tracked {
		for node, n := range t.nodes {
			if want(n) {
				w.queue.Add(nodeRef{label, node}, 0)
			}
		}
	}
}
