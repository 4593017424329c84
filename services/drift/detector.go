package drift

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/panics"
	"github.com/kubeorch/core/pkg/watch"
)

const (
	workers = 8

	// attempt bounds one comparison, and one correction.
	attempt = 30 * time.Second

	// askPause is the least time between two previews of a workflow.
	askPause = time.Second

	// runPause is when it is looked again after a run in progress. Its end tells as well.
	runPause = 5 * time.Second

	retryPause    = 2 * time.Second // doubled with each failure in a row
	retryPauseMax = time.Minute
)

// records keep what is known of the drift of workflows.
type records interface {
	Raise(ctx context.Context, workflowID string, by models.WatchFence) (models.DriftRecord, error)
	Store(ctx context.Context, workflowID string, by models.WatchFence, f models.DriftFindings) error
	Clear(ctx context.Context, workflowID string) (nodeIDs []string, err error)
}

// Runs tell what a run of the deployed version would do, and do it.
type Runs interface {
	Running(ctx context.Context, workflowID string) (bool, error)
	PreviewDeployed(ctx context.Context, workflowID string, nodeIDs []string) ([]models.NodePlan, error)
	Correct(ctx context.Context, workflowID string, nodeIDs []string) (models.Run, error)
}

// workflows are the documents of workflows.
type workflows interface {
	ByID(ctx context.Context, id string) (models.Workflow, error)
}

// events publishes to the readers of a stream.
type events interface {
	Publish(key, event string, data any) error
}

// notifier tells the owner of a workflow.
type notifier interface {
	Drifted(ctx context.Context, w models.Workflow, nodes []models.NodeDrift) error
}

// Deps is what a Detector works with.
type Deps struct {
	Records   records
	Workflows workflows
	Events    events
	Notifier  notifier
	Log       *slog.Logger
	Now       func() time.Time
}

// holding is which workflows this server is the one to store for; see watcher.Manager.
type holding interface {
	// WhileHeld calls store unless another server watches the cluster by now, which is a
	// Conflict. The other one begins when store has returned.
	WhileHeld(by models.WatchFence, store func() error) error
}

// Detector finds the drift of the workflows that this server watches, stores it and
// tells the readers of their streams. It is safe for concurrent use.
type Detector struct {
	deps  Deps
	runs  Runs
	held  holding
	queue *watch.Queue[string] // ids of workflows

	ctx     context.Context //nolint:containedctx // ends with Stop; watching belongs to no request
	cancel  context.CancelFunc
	working sync.WaitGroup

	mu      sync.Mutex
	watched map[string]*watched
	retired map[string]bool // workflows whose record is to be cleared
}

// watched is a workflow that this server watches. The queue hands it to one worker at a
// time, which alone has the fields below sighting.
type watched struct {
	sighting  models.DriftSighting // guarded by Detector.mu
	checkedAt time.Time            // of the last complete comparison; guarded by Detector.mu

	record   *models.DriftRecord // as it is stored; nil: not read yet
	readAt   time.Time           // ReadAt of the sighting when record was read
	answered map[string]string   // node id to the marks of its suspects that a preview was asked about
	asked    time.Time           // when that was, the last time
	failures int                 // in a row
}

// NewDetector returns a detector that begins with Start.
func NewDetector(deps Deps) *Detector {
	return &Detector{
		deps: deps, queue: watch.NewQueue[string](), watched: make(map[string]*watched), retired: make(map[string]bool),
	}
}

// Attach sets what is made after the detector. It is called once, before Start.
func (d *Detector) Attach(runs Runs, held holding) { d.runs, d.held = runs, held }

// Start begins to compare, until Stop. It uses the values of ctx and ignores its end.
func (d *Detector) Start(ctx context.Context) {
	d.ctx, d.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for range workers {
		d.working.Go(func() { d.queue.Work(d.work) })
	}
}

// Stop waits until nothing is compared or corrected any more, or ctx has ended.
func (d *Detector) Stop(ctx context.Context) error {
	d.queue.Stop()
	if d.cancel == nil { // never started
		return nil
	}
	d.cancel()
	ended := make(chan struct{})
	go func() { defer close(ended); d.working.Wait() }()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Seen takes in what the watch of a workflow sees now.
func (d *Detector) Seen(s models.DriftSighting) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.watched[s.WorkflowID]
	if w == nil || w.sighting.By != s.By {
		w = &watched{answered: make(map[string]string)}
		d.watched[s.WorkflowID] = w
	}
	w.sighting, w.checkedAt = s, time.Time{}
	delete(d.retired, s.WorkflowID)
	d.queue.Add(s.WorkflowID, 0)
}

// Unwatched forgets a workflow. What is stored of it stays.
func (d *Detector) Unwatched(workflowID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.watched, workflowID)
}

// Retired has the record of a workflow cleared that has nothing in a cluster any more.
func (d *Detector) Retired(workflowID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.watched, workflowID)
	d.retired[workflowID] = true
	d.queue.Add(workflowID, 0)
}

// CheckedAt returns when the objects of a workflow were last compared. ok is false when
// this server does not watch it, or has not compared what it sees now.
func (d *Detector) CheckedAt(workflowID string) (at time.Time, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.watched[workflowID]
	if w == nil || w.checkedAt.IsZero() {
		return time.Time{}, false
	}
	return w.checkedAt, true
}

// work compares a workflow, or clears its record. A panic is a failure like others.
func (d *Detector) work(id string) {
	d.mu.Lock()
	w, retired := d.watched[id], d.retired[id]
	delete(d.retired, id)
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(d.ctx, attempt)
	defer cancel()
	switch {
	case retired:
		if err := d.clear(ctx, id); err != nil && d.ctx.Err() == nil {
			d.deps.Log.WarnContext(ctx, "the drift of a workflow could not be cleared", "workflow", id, "err", err)
		}
	case w != nil:
		var again time.Duration
		err := panics.ToError(func() (err error) { again, err = d.check(ctx, w); return err })
		if pause := d.after(w, again, err); pause > 0 {
			d.queue.Add(id, pause)
		}
	}
}

// after returns when to look at a workflow again; 0: when it changes.
func (d *Detector) after(w *watched, again time.Duration, err error) time.Duration {
	if err == nil {
		w.failures = 0
		return again
	}
	if d.ctx.Err() != nil || models.KindOf(err) == models.Conflict { // another server's by now
		w.record = nil
		return 0
	}
	if w.failures++; w.failures == 1 {
		d.deps.Log.Warn("the drift of a workflow could not be determined", "workflow", w.id(), "err", err)
	}
	return min(retryPause<<min(w.failures-1, 5), retryPauseMax)
}

func (w *watched) id() string { return w.sighting.WorkflowID } // never changes

// clear clears a record and tells that its nodes have not drifted.
func (d *Detector) clear(ctx context.Context, workflowID string) error {
	nodes, err := d.deps.Records.Clear(ctx, workflowID)
	for _, node := range nodes {
		d.publish(ctx, workflowID, models.DriftUpdate{NodeID: node})
	}
	return err
}

func (d *Detector) publish(ctx context.Context, workflowID string, u models.DriftUpdate) {
	if err := d.deps.Events.Publish(models.WorkflowStream(workflowID), models.EventDrift, u); err != nil {
		d.deps.Log.ErrorContext(ctx, "drift could not be published", "workflow", workflowID, "node", u.NodeID, "err", err)
	}
}
