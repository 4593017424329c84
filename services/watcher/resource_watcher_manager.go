package watcher

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/panics"
	"github.com/kubeorch/core/pkg/watch"
)

const (
	// watchKeep is how long a workflow stays watched after its last run, reader or
	// look.
	watchKeep = 10 * time.Minute

	// watchAttempt bounds one attempt to find out what to watch.
	watchAttempt = 30 * time.Second

	watchRetry     = 2 * time.Second // doubled with each failure in a row
	watchRetryMax  = time.Minute
	managerWorkers = 8

	askingWorkers = 2                      // of these may wait for one cluster
	askAgain      = 200 * time.Millisecond // is the pause where more would
)

// watchedWorkflows are the documents whose objects are watched.
type watchedWorkflows interface {
	nodeStatuses
	Inventory(ctx context.Context, workflowID string) ([]models.OwnedObject, error)
	RaiseWatchFence(ctx context.Context, workflowID string, by models.WatchFence) (models.Workflow, error)
}

// Deps is what a Manager works with.
type Deps struct {
	Workflows watchedWorkflows
	Events    statusEvents
	// Connect returns the connection to the cluster of a workflow: the same one
	// until the cluster or its credentials change. models.LostAccess is true of
	// its error when the workflow's owner has no access to the cluster.
	Connect Connect
	Log     *slog.Logger
	Drifts  drifts // may be nil

	// Sharing is how several servers with one database share the watching. It is
	// nil for a server that is always the only one, which watches everything.
	Sharing *Sharing
}

// Connect finds the connection that a workflow is watched through. It fails when
// the objects of the workflow are in another cluster than clusterID, unless that is
// empty. It sends nothing to the cluster.
type Connect func(ctx context.Context, w models.Workflow, clusterID string) (watchedCluster, error)

// WatchThrough adapts a function that returns a concrete connection.
func WatchThrough[C watchedCluster](f func(ctx context.Context, w models.Workflow, clusterID string) (C, error)) Connect {
	return func(ctx context.Context, w models.Workflow, clusterID string) (watchedCluster, error) {
		return f(ctx, w, clusterID)
	}
}

// Manager decides which workflows are watched: those with readers, and those that
// ran or were read lately. Of several servers, the one that holds the cluster of a workflow
// watches it; see Sharing. The methods, except Stop and Releasing, wait for neither
// clusters nor the database. A Manager is safe for concurrent use.
type Manager struct {
	deps  Deps
	queue *watch.Queue[string] // ids of workflows to decide about
	keep  time.Duration        // watchKeep

	ctx     context.Context //nolint:containedctx // ends with Stop; watching belongs to no request
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	interest map[string]*interest
	watchers map[watcherKey]*sharedWatcher
	asking   map[watchedCluster]int // workers that wait for the cluster

	losing sync.RWMutex // held for reading while something is stored that no watcher waits for
}

// NewManager returns a manager that begins to watch with Start.
func NewManager(deps Deps) *Manager {
	if deps.Drifts == nil {
		deps.Drifts = noDrifts{}
	}
	return &Manager{
		deps:     deps,
		queue:    watch.NewQueue[string](),
		keep:     watchKeep,
		interest: make(map[string]*interest),
		watchers: make(map[watcherKey]*sharedWatcher),
		asking:   make(map[watchedCluster]int),
	}
}

// Start begins to watch what Hold, Watch and Look ask for, until Stop. It uses the values
// of ctx and ignores its end.
func (m *Manager) Start(ctx context.Context) {
	// People look at the statuses: a cluster that was out of reach is tried at once.
	m.ctx, m.cancel = context.WithCancel(kubernetes.ProbeEarly(context.WithoutCancel(ctx)))
	for range managerWorkers {
		m.running.Go(func() { m.queue.Work(m.decide) })
	}
}

// Stop ends all watches and waits until they have ended, or ctx has.
func (m *Manager) Stop(ctx context.Context) error {
	m.queue.Stop()
	if m.cancel == nil { // never started
		return nil
	}
	m.cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.running.Wait()
		m.mu.Lock()
		all := m.watchers
		m.watchers, m.interest = nil, nil
		m.mu.Unlock()
		for _, w := range all {
			w.stop()
		}
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Hold has the objects of a deployed workflow watched until release is called.
// Statuses that differ from the stored ones are stored and published. Calling
// release again does nothing.
func (m *Manager) Hold(workflowID string) (release func()) {
	m.mark(workflowID, +1)
	return sync.OnceFunc(func() { m.mark(workflowID, -1) })
}

// Watch reads a workflow again and has its objects watched for some minutes. Runs
// call it after they have changed the objects.
func (m *Manager) Watch(workflowID string) { m.mark(workflowID, 0) }

// Look has the objects of a deployed workflow watched for some minutes, because
// somebody reads the stored statuses, which may be old. Of a workflow that is
// watched already it only prolongs that, which costs next to nothing.
func (m *Manager) Look(workflowID string) {
	m.mu.Lock()
	in := m.interest[workflowID]
	if in != nil {
		in.last = time.Now()
	}
	m.mu.Unlock()
	if in == nil {
		m.mark(workflowID, 0)
	}
}

// AccessChanged checks again who has access to which cluster. The statuses of
// workflows whose owners have lost theirs say so.
func (m *Manager) AccessChanged() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refreshAll()
}

// decide starts, renews or ends the watch of a workflow.
func (m *Manager) decide(id string) {
	if cluster, ok := strings.CutPrefix(id, gainedPrefix); ok {
		m.readWishes(cluster)
		return
	}
	m.mu.Lock()
	in := m.interest[id]
	if in == nil {
		m.mu.Unlock()
		return
	}
	held, idle := in.holds > 0, in.idle(m.keep)
	if !held && idle <= 0 {
		delete(m.interest, id)
		m.mu.Unlock()
		m.detach(id, in)
		return
	}
	refresh := time.Until(in.refresh)
	stale := in.stale || !in.refresh.IsZero() && refresh <= 0
	in.stale = false
	m.mu.Unlock()
	if !held {
		m.queue.Add(id, idle)
	}
	if !stale {
		if refresh > 0 {
			m.queue.Add(id, refresh)
		}
		return
	}
	if err := m.try(id, in); err != nil && m.ctx.Err() == nil {
		m.retry(id, in, err)
	}
}

// try attaches a workflow. A panic is a failure like others, so that one drawing
// leaves the watching of the others alone.
func (m *Manager) try(id string, in *interest) error {
	ctx, cancel := context.WithTimeout(m.ctx, watchAttempt)
	defer cancel()
	defer m.refreshLater(id, in)
	return panics.ToError(func() error { return m.attach(ctx, id, in) })
}

func (m *Manager) retry(id string, in *interest, err error) {
	m.mu.Lock()
	in.stale = true
	if errors.Is(err, errBusy) {
		m.mu.Unlock()
		m.queue.Add(id, askAgain)
		return
	}
	in.failures++
	failures := in.failures
	m.mu.Unlock()
	pause := min(watchRetry<<min(failures-1, 5), watchRetryMax)
	if failures == 1 {
		m.deps.Log.Warn("a workflow cannot be watched", "workflow", id, "err", err)
	}
	m.queue.Add(id, pause)
}
