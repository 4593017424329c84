package run

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/pkg/limit"
	"github.com/kubeorch/core/services/kinds"
)

// Deps is what an Executor works with.
type Deps struct {
	Workflows workflows
	Runs      store
	Versions  versions
	Kinds     *kinds.Registry
	Access    access
	Accounts  accounts // may be nil
	Clusters  clusterConnections
	Events    events
	// Watch has the statuses of a workflow's objects read again, because a run
	// may have changed them. It does not block.
	Watch      func(workflowID string)
	Audit      auditTrail // may be nil
	Notifier   notifier   // may be nil
	ClusterLog clusterLog // may be nil
	Log        *slog.Logger

	Server server
	// CancelElsewhere tells the other servers that a run, which this one does not
	// execute, was cancelled. It does not block and may be nil.
	CancelElsewhere func(runID string)
}

// Options tune an Executor.
type Options struct {
	AnswerAfter  time.Duration // the longest that Run and TearDown keep their caller waiting
	Deadline     time.Duration // of a whole run
	Recheck      time.Duration // between two looks at what others did with a run, and at the runs of others
	PlanDeadline time.Duration // of Plan and PreviewDeployed
	Plans        int           // made at the same time, by all accounts
	AccountPlans int           // made at the same time by one

	Grace time.Duration // how long Stop waits for running runs before it hands them over
}

// DefaultOptions returns the options of a server.
func DefaultOptions() Options {
	return Options{
		AnswerAfter: 20 * time.Second, Deadline: 10 * time.Minute, Recheck: 5 * time.Second, Grace: 4 * time.Second,
		PlanDeadline: 20 * time.Second, Plans: 32, AccountPlans: 2,
	}
}

// Executor runs workflows. A run goes on after the request that started it, and
// another process takes it over when this one dies. Executor is safe for
// concurrent use.
type Executor struct {
	deps   Deps
	opts   Options
	now    func() time.Time
	target func(ctx context.Context, g models.ClusterGrant, workflowID string) (clusterTarget, error)

	planTarget   func(ctx context.Context, g models.ClusterGrant, workflowID string) (planTarget, error)
	plans        *limit.Slots // all that are being made
	accountPlans *limit.Slots // by user id

	accessTTL time.Duration // defaultAccessTTL

	mu       sync.Mutex
	stopping bool
	active   map[string]*session // by run id
	working  sync.WaitGroup
}

// NewExecutor returns an executor. Stop ends it.
func NewExecutor(deps Deps, opts Options) *Executor {
	e := &Executor{
		deps: deps, opts: opts, now: models.Now, active: map[string]*session{}, accessTTL: defaultAccessTTL,
		plans: limit.NewSlots(opts.Plans), accountPlans: limit.NewSlots(opts.AccountPlans),
	}
	e.target, e.planTarget = e.connect, e.connectDry
	return e
}

// connect returns a target bounded by g. It sends nothing to the cluster.
func (e *Executor) connect(ctx context.Context, g models.ClusterGrant, workflowID string) (clusterTarget, error) {
	conn, err := e.deps.Clusters.ConnectionTo(ctx, g)
	if err != nil {
		return nil, err
	}
	return applier.New(conn, e.applierOptions(ctx, g, workflowID)), nil
}

// applierOptions bounds an applier for a workflow by g.
func (e *Executor) applierOptions(ctx context.Context, g models.ClusterGrant, workflowID string) applier.Options {
	opts := applier.DefaultOptions(ownerLabels(workflowID))
	opts.OwnerName = ownerName
	opts.Namespaces = g.Namespaces
	// People who share a cluster do not take each other's objects.
	opts.KeepOwners, opts.MayAdopt = !g.Owned(), g.May(models.ClusterAdopt)
	opts.OnPanic = func(cause error) {
		e.deps.Log.ErrorContext(ctx, "panic while a cluster was worked on", "workflow", workflowID, "err", cause)
	}
	return opts
}

// List returns the newest runs of one of owner's workflows.
func (e *Executor) List(ctx context.Context, owner, id string, limit int) ([]models.Run, error) {
	if _, err := e.deps.Workflows.Head(ctx, owner, id); err != nil {
		return nil, err
	}
	return e.deps.Runs.List(ctx, id, limit)
}

// Get returns a run of one of owner's workflows; while this process works on
// it, as it is at this moment.
func (e *Executor) Get(ctx context.Context, owner, id, runID string) (models.Run, error) {
	if _, err := e.deps.Workflows.Head(ctx, owner, id); err != nil {
		return models.Run{}, err
	}
	if s := e.session(runID); s != nil && s.run.WorkflowID == id {
		return s.snapshot(), nil
	}
	return e.deps.Runs.Get(ctx, id, runID)
}

// Running reports whether a run of the workflow is in progress in any process.
func (e *Executor) Running(ctx context.Context, workflowID string) (bool, error) {
	_, err := e.deps.Runs.Running(ctx, workflowID)
	if err != nil && models.KindOf(err) == models.NotFound {
		return false, nil
	}
	return err == nil, err
}

func (e *Executor) session(runID string) *session {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.active[runID]
}

// Refuse makes new runs fail as Unavailable; runs in progress go on.
func (e *Executor) Refuse() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopping = true
}

// Stop refuses new runs, waits Options.Grace for those in progress, and releases
// the rest for another process to take over. When it returns nil, no goroutine
// of the executor is left.
func (e *Executor) Stop(ctx context.Context) error {
	e.Refuse()
	idle := make(chan struct{})
	go func() { e.working.Wait(); close(idle) }()
	grace := time.NewTimer(e.opts.Grace)
	defer grace.Stop()
	select {
	case <-idle:
		return nil
	case <-grace.C:
	case <-ctx.Done():
	}
	e.mu.Lock()
	for _, s := range e.active {
		s.cancel(endHandover)
	}
	e.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
