package run

import (
	"context"
	"log/slog"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/limit"
	"github.com/kubeorch/core/services/kinds"
)

// executedWorkflows are the documents that runs read and count in.
type executedWorkflows interface {
	Get(ctx context.Context, owner, id string) (models.Workflow, error)
	Head(ctx context.Context, owner, id string) (models.WorkflowHead, error)
	StartRun(ctx context.Context, id string, start models.RunStart) error
	CountResult(ctx context.Context, id, runID string, succeeded bool) error
	SetNodeStatus(ctx context.Context, workflowID, nodeID string, status map[string]any, secretCreated *bool) error
}

// drawings are read for corrections, and changed by runs that bring a version back.
type drawings interface {
	ByID(ctx context.Context, id string) (models.Workflow, error)
	Update(ctx context.Context, owner, id string, p models.WorkflowPatch, at time.Time) (models.Workflow, error)
}

// inventories know which objects workflows have in clusters.
type inventories interface {
	Inventory(ctx context.Context, workflowID string) ([]models.OwnedObject, error)
	Belongings(ctx context.Context, owner, workflowID string) (models.Belongings, error)
	SetInventory(ctx context.Context, workflowID string, objects []models.OwnedObject) error
	SetApplied(ctx context.Context, workflowID string, o models.OwnedObject) error
	ClearStatuses(ctx context.Context, workflowID string, exceptTypes ...string) error
}

// reader finds runs.
type reader interface {
	Get(ctx context.Context, workflowID, id string) (models.Run, error)
	List(ctx context.Context, workflowID string, limit int) ([]models.Run, error)
	Running(ctx context.Context, workflowID string) (models.Run, error)
	RequestCancel(ctx context.Context, workflowID, id string) error
	Deployed(ctx context.Context, workflowID, clusterRef string) ([]models.Run, error)
}

// accounted finds and changes runs whatever server has them.
type accounted interface {
	Settle(ctx context.Context, id string) error
	WithKey(ctx context.Context, workflowID, key string) (models.Run, error)
	ForgetKey(ctx context.Context, id string) error
}

// holder changes a run as long as a session of this server has it.
type holder interface {
	Begin(ctx context.Context, run models.Run) error
	Cancelled(ctx context.Context, id, lease string) (bool, error)
	Release(ctx context.Context, id, lease string) error
	Record(ctx context.Context, id, lease string, p models.RunProgress) error
	Finish(ctx context.Context, id, lease string, res models.RunResult) error
}

// versions keep what each run applies.
type versions interface {
	Add(ctx context.Context, v models.Version) (models.Version, error)
	Get(ctx context.Context, workflowID string, number int) (models.Version, error)
	SetRunStatus(ctx context.Context, workflowID string, number int, status string) error
}

// clusterLog keeps what people do with each cluster.
type clusterLog interface {
	Add(ctx context.Context, e models.ClusterLogEntry)
}

// events publishes to the readers of a stream.
type events interface {
	Publish(key, event string, data any) error
}

// clusterConnections connects to clusters.
type clusterConnections interface {
	ConnectionTo(ctx context.Context, g models.ClusterGrant) (*kubernetes.Connection, error)
}

// placeChecker tells which objects a cluster would refuse, and changes nothing.
type placeChecker interface {
	Refusals(ctx context.Context, objects []*unstructured.Unstructured) []error
	Try(ctx context.Context, reqs []applier.Request) []applier.Change
	Survey(ctx context.Context, refs []applier.Ref, owned []metav1.PartialObjectMetadata) *applier.Survey
	CheckOwners(ctx context.Context, reqs []applier.Request) []error
}

// clusterTarget reads and writes the objects of one workflow in a cluster; see
// applier.Applier.
type clusterTarget interface {
	placeChecker
	claimReader
	targetWriter
	ListOwned(
		ctx context.Context, gvks []schema.GroupVersionKind, o applier.ListOptions,
	) ([]metav1.PartialObjectMetadata, error)
	Each(
		ctx context.Context, gvks []schema.GroupVersionKind, o applier.ListOptions, visit func(*unstructured.Unstructured),
	) error
}

// claimReader tells what claims hold.
type claimReader interface {
	ClaimUses(ctx context.Context, namespaces []string) (map[string]applier.ClaimUse, error)
}

// targetWriter changes objects in a cluster.
type targetWriter interface {
	EnsureNamespaces(ctx context.Context, names []string, labels map[string]string) []applier.Change
	Apply(ctx context.Context, reqs []applier.Request, done func(int, applier.Change)) []applier.Change
	ApplyValues(ctx context.Context, req applier.ValuesRequest) (applier.Change, applier.ValuesState)
	Delete(ctx context.Context, refs []applier.Ref, o applier.DeleteOptions) []applier.Change
	Release(ctx context.Context, refs []applier.Ref) []applier.Change
	FreeStatefulSets(ctx context.Context, refs []applier.Ref) []applier.Change
}

// workflows is what runs need of workflow documents.
type workflows interface {
	executedWorkflows
	drawings
	inventories
}

// store keeps runs.
type store interface {
	reader
	holder
	accounted
}

// server is this one among the servers of the database; see lease.Session.
type server interface {
	ID() string
	Valid(id string) bool
	Sessions(ctx context.Context) (map[string]bool, error)
}

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
