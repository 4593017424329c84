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
	"github.com/kubeorch/core/services/status"
)

const (
	// settle is how long changes of a node are collected before its status is
	// made: a pod that starts changes several times within a moment.
	settle = 50 * time.Millisecond

	// goneFor is how long an object must be gone before its node says so.
	// Some objects are replaced by deleting them first.
	goneFor = 2 * time.Second

	// eventsWait is how long the stored status of a node stays while the events of
	// the cluster have not been read, which may give the reason that it has.
	eventsWait = 5 * time.Second

	// statusRetry is the pause after a status could not be stored.
	statusRetry = 2 * time.Second

	// statusWorkers make and store statuses of one cluster at the same time.
	statusWorkers = 4
)

// nodeStatuses stores the statuses of nodes.
type nodeStatuses interface {
	ByID(ctx context.Context, id string) (models.Workflow, error)
	SetWatchedStatus(
		ctx context.Context, by models.WatchFence, workflowID, nodeID string, status map[string]any, secretCreated *bool,
	) error
}

// statusEvents publishes to the readers of a stream.
type statusEvents interface {
	Publish(key, event string, data any) error
}

// statusSink stores the status of a node and then publishes it, so that readers
// of the event find it stored.
type statusSink struct {
	statuses nodeStatuses
	events   statusEvents
	log      *slog.Logger

	by    models.WatchFence // zero for the only server of a database
	holds func(models.WatchFence) bool
	lost  func(workflowID string) // called when another server stores the statuses
}

// errLost says that another server watches the cluster by now.
func errLost() error {
	return &models.Error{Op: "watcher.statusSink.put", Kind: models.Conflict, Msg: "another server watches the cluster"}
}

// store stores a status, and fails with a Conflict if another server is to do that.
func (s statusSink) store(
	ctx context.Context, workflowID, nodeID string, next status.Status, secretCreated *bool,
) error {
	if !s.holds(s.by) {
		return errLost()
	}
	if err := s.statuses.SetWatchedStatus(ctx, s.by, workflowID, nodeID, next, secretCreated); err != nil {
		return err
	}
	// A process that stood still after it had stored the status would publish it
	// after newer ones.
	if !s.holds(s.by) {
		return errLost()
	}
	return nil
}

func (s statusSink) put(
	ctx context.Context, workflowID, nodeID, nodeType string, next status.Status, secretCreated *bool,
) error {
	if err := s.store(ctx, workflowID, nodeID, next, secretCreated); err != nil {
		if models.KindOf(err) == models.Conflict && !s.by.IsZero() {
			s.lost(workflowID)
		}
		return err
	}
	update := models.NodeUpdate{NodeID: nodeID, Type: nodeType, Status: next}
	if err := s.events.Publish(models.WorkflowStream(workflowID), models.EventNodeUpdate, update); err != nil {
		s.log.ErrorContext(ctx, "a status could not be published", "workflow", workflowID, "node", nodeID, "err", err)
	}
	return nil
}

// watchedCluster is the connection that a watcher reads from.
type watchedCluster interface {
	watch.Connection
	Mapping(ctx context.Context, gvk schema.GroupVersionKind) (*meta.RESTMapping, error)
	Done() <-chan struct{}
}

// resourceWatcher keeps the statuses of workflows' nodes up to date with one
// cluster. It watches each kind of object once, for all workflows and readers. It
// is safe for concurrent use.
type resourceWatcher struct {
	statusSink

	cluster  watchedCluster
	drifts   drifts
	queue    *watch.Queue[nodeRef]
	compared *watch.Queue[string] // labels of workflows whose objects are to be compared

	ctx     context.Context //nolint:containedctx // ends with stop; watching belongs to no request
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu            sync.RWMutex
	tracked       map[string]*trackedWorkflow // by the workflow's label
	kinds         map[schema.GroupVersionResource]*objectInformer
	pods          *podInformer
	clusterEvents *eventInformer
}

// nodeRef names a node by the labels of its objects.
type nodeRef struct{ workflow, node string }

// newResourceWatcher starts a watcher that tracks no workflow yet. stop ends it.
func newResourceWatcher(ctx context.Context, cluster watchedCluster, sink statusSink, d drifts) *resourceWatcher {
	w := &resourceWatcher{
		statusSink: sink, cluster: cluster, drifts: d,
		queue:    watch.NewQueue[nodeRef](),
		compared: watch.NewQueue[string](),
		tracked:  make(map[string]*trackedWorkflow),
		kinds:    make(map[schema.GroupVersionResource]*objectInformer),
	}
	w.ctx, w.cancel = context.WithCancel(ctx)
	for range statusWorkers {
		w.running.Go(func() { w.queue.Work(w.updateStatus) })
	}
	w.running.Go(func() { w.compared.Work(w.compare) })
	return w
}

// stop ends all watches and waits for what is being stored.
func (w *resourceWatcher) stop() {
	w.cancel()
	w.queue.Stop()
	w.compared.Stop()
	w.running.Wait()
}

// track keeps the statuses of wf's nodes until untrack, beginning at once. The
// statuses in wf are those that are stored; found is what its runs have made.
func (w *resourceWatcher) track(wf models.Workflow, found located) {
	t := newTrackedWorkflow(wf, found)
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
	w.compared.Add(t.label, 0)
}

// untrack leaves the statuses of a workflow's nodes as they are.
func (w *resourceWatcher) untrack(workflowID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.tracked, plan.NodeLabel(workflowID))
	w.updateInformers()
	w.drifts.Unwatched(workflowID)
}

// changed has what depends on the objects of a node updated after settle. Informers
// call it.
func (w *resourceWatcher) changed(ref nodeRef) {
	w.enqueue(ref)
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.tracked[ref.workflow] != nil {
		w.compared.Add(ref.workflow, settle)
	}
}

// enqueue has the status of a node updated after settle. Informers call it.
func (w *resourceWatcher) enqueue(ref nodeRef) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if t := w.tracked[ref.workflow]; t != nil && t.nodes[ref.node] != nil {
		w.queue.Add(ref, settle)
	}
}

// enqueuePods enqueues a node whose pods changed, and the nodes that depend on all
// pods of the workflow.
func (w *resourceWatcher) enqueuePods(ref nodeRef) {
	w.enqueue(ref)
	w.mu.RLock()
	defer w.mu.RUnlock()
	if t := w.tracked[ref.workflow]; t != nil {
		for _, node := range t.policies {
			w.queue.Add(nodeRef{ref.workflow, node}, settle)
		}
	}
}

// enqueueAll has the statuses of all nodes that want accepts updated at once.
func (w *resourceWatcher) enqueueAll(want func(*trackedNode) bool) {
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
