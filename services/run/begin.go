package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/plan"
)

// Run is Start with typed values and nothing else.
func (e *Executor) Run(ctx context.Context, owner, id string, typed models.TriggerData) (models.Run, error) {
	return e.Start(ctx, owner, id, models.RunRequest{TriggerData: typed})
}

// Start deploys one of owner's workflows as it is saved now. It returns the run
// when that has ended, or as it is after Options.AnswerAfter; the end of ctx does
// not end the run. All problems of the drawing are found before anything is
// applied; a second run at the same time is a Conflict. Typed values go to the
// cluster and nowhere else.
func (e *Executor) Start(ctx context.Context, owner, id string, r models.RunRequest) (models.Run, error) {
	w, err := e.runnable(ctx, owner, id)
	if err != nil {
		return models.Run{}, err
	}
	return e.start(ctx, w, r, func(run *models.Run) { run.TriggeredBy = models.TriggeredManually })
}

// runnable returns one of owner's workflows, which has to be published.
func (e *Executor) runnable(ctx context.Context, owner, id string) (models.Workflow, error) {
	w, err := e.deps.Workflows.Get(ctx, owner, id)
	if err == nil && w.Status != models.WorkflowPublished {
		err = &models.Error{
			Op: "run.Executor.runnable", Kind: models.Invalid, Msg: "the workflow is " + w.Status + "; publish it before running it",
		}
	}
	return w, err
}

// start begins a run of the drawing in w, which is as set makes it, and waits for its
// answer. A request whose key has a run already gets that.
func (e *Executor) start(ctx context.Context, w models.Workflow, r models.RunRequest, set func(*models.Run)) (models.Run, error) {
	run := e.newRun(w, models.RunDeploy)
	run.TriggerData = startedBy(ctx, w.OwnerID)
	run.TriggerData.Typed = typedNames(r.TriggerData)
	run.FailurePolicy, run.WaitSeconds, run.Replace = r.FailurePolicy, int(r.WaitTime().Seconds()), r.Replace
	run.Deadline, run.IdempotencyKey = e.deadline(run.StartedAt, r.RunOptions), scopedKey(w.OwnerID, r.Key)
	set(&run)
	if earlier, found, err := e.repeated(ctx, run); found || err != nil {
		return earlier, err
	}
	p, err := e.planOf(ctx, w)
	if err != nil {
		return models.Run{}, err
	}
	if err := checkReplace(p, run.Replace); err != nil {
		return models.Run{}, err
	}
	g, err := e.authorize(ctx, w, p)
	if err != nil {
		return models.Run{}, err
	}
	w.ClusterRef, run.ClusterRef = g.Cluster.ID, g.Cluster.ID
	noteRun(ctx, run)
	s := newSession(run, p, r.TriggerData, e.now)
	s.workflow = w
	if err := e.begin(ctx, s, e.carryOut); err != nil {
		if models.KindOf(err) == models.Conflict { // perhaps this request was sent twice at once
			if earlier, found, rerr := e.repeated(ctx, run); found || rerr != nil {
				return earlier, rerr
			}
		}
		return models.Run{}, err
	}
	e.logDeployment(ctx, run)
	return e.await(ctx, s, e.opts.AnswerAfter)
}

// checkReplace returns an error that names the ids in replace that are no nodes.
func checkReplace(p *plan.Plan, replace []string) error {
	var problems models.Problems
	for i, id := range replace {
		if !slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.NodeID == id }) {
			problems.Addf(fmt.Sprintf("replace[%d]", i), "is %q, which is no node of the workflow", id)
		}
	}
	return problems.Err("run.Executor.Start")
}

// noteRun adds to the audit entry of the request that started a run, which
// uses the stored credentials of a cluster.
func noteRun(ctx context.Context, run models.Run) {
	models.NoteForAudit(ctx, "cluster", run.Cluster)
	models.NoteForAudit(ctx, "run", run.ID)
}

// logDeployment writes the start of a run into the log of its cluster.
func (e *Executor) logDeployment(ctx context.Context, run models.Run) {
	if e.deps.ClusterLog == nil {
		return
	}
	e.deps.ClusterLog.Add(ctx, models.ClusterLogEntry{
		ClusterID: run.ClusterRef, Action: models.ClusterLogDeployed, Success: true, Message: "a run of a workflow began",
		Details: map[string]string{"workflow": run.WorkflowID, "run": run.ID}, Timestamp: run.StartedAt,
	})
}

// planOf plans the present graph of w. A graph without nodes is run only to
// remove what earlier runs made.
func (e *Executor) planOf(ctx context.Context, w models.Workflow) (*plan.Plan, error) {
	opts := plan.Options{WorkflowID: w.ID}
	if len(w.Nodes) == 0 {
		inventory, err := e.deps.Workflows.Inventory(ctx, w.ID)
		if err != nil {
			return nil, err
		}
		opts.Empty = slices.ContainsFunc(inventory, func(o models.OwnedObject) bool { return o.Kept.IsZero() })
	}
	p, problems := plan.Build(w.Graph(), e.deps.Kinds, opts)
	return p, problems.Err("run.Executor.Run")
}

// newRun returns a run in the cluster that w names.
func (e *Executor) newRun(w models.Workflow, action string) models.Run {
	now := e.now()
	return models.Run{
		ID: models.NewID(), WorkflowID: w.ID, Status: models.RunRunning, StartedAt: now, Logs: []string{},
		Action: action, OwnerID: w.OwnerID, Cluster: w.ClusterID, ClusterRef: w.ClusterRef,
		Lease: e.deps.Server.ID(), Deadline: now.Add(e.opts.Deadline),
	}
}

// startedBy names the account that starts a run and, with one, its API token.
func startedBy(ctx context.Context, userID string) models.Trigger {
	id, _ := models.IdentityFrom(ctx)
	return models.Trigger{UserID: userID, TokenID: id.TokenID}
}

// typedNames returns the keys of the values that were typed, by node.
func typedNames(typed models.TriggerData) []models.TypedKeys {
	names := map[string][]string{}
	for _, all := range []map[string]map[string]models.Secret{typed.Secrets, typed.EnvVars} {
		for node, values := range all {
			for key, v := range values {
				if !v.Empty() {
					names[node] = append(names[node], key)
				}
			}
		}
	}
	var out []models.TypedKeys
	for node, keys := range names {
		slices.Sort(keys)
		out = append(out, models.TypedKeys{NodeID: node, Keys: keys})
	}
	slices.SortFunc(out, func(a, b models.TypedKeys) int { return strings.Compare(a.NodeID, b.NodeID) })
	return out
}

// begin stores the run, which takes the workflow's lock, and launches work. It
// reads the status of the workflow again under the lock, because archiving
// changes the status first and then ends the runs.
func (e *Executor) begin(ctx context.Context, s *session, work work) error {
	switch {
	case e.isStopping():
		return errStopping()
	case s.run.Lease == "":
		return &models.Error{Op: "run.Executor.begin", Kind: models.Unavailable, Msg: "the database did not answer for a while", RetryAfter: time.Second}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	if err := whileAway(ctx, func() error { return e.deps.Runs.Begin(ctx, s.run) }); err != nil {
		return e.nameRunning(ctx, s.run.WorkflowID, err)
	}
	err := e.stillPublished(ctx, s)
	if err == nil {
		err = e.launch(ctx, s, work)
	}
	if err != nil {
		res := s.end(models.RunFailed, models.MessageOf(err))
		return errors.Join(err, e.deps.Runs.Finish(ctx, s.run.ID, s.run.Lease, res))
	}
	return nil
}

// nameRunning adds to a Conflict which run is in progress.
func (e *Executor) nameRunning(ctx context.Context, workflowID string, err error) error {
	conflict, ok := errors.AsType[*models.Error](err)
	if !ok || conflict.Kind != models.Conflict {
		return err
	}
	running, rerr := e.deps.Runs.Running(ctx, workflowID)
	if rerr != nil { // it has ended meanwhile
		return err
	}
	named := *conflict
	named.Extra = map[string]string{"run_id": running.ID}
	return &named
}

// stillPublished is an error for a run of a drawing that may not be run any more.
func (e *Executor) stillPublished(ctx context.Context, s *session) error {
	if s.run.Action == models.RunTearDown || s.run.Action == models.RunCleanUp {
		return nil // of a workflow in any state, a deleted one included
	}
	head, err := askWhileAway(ctx, func() (models.WorkflowHead, error) {
		return e.deps.Workflows.Head(ctx, s.run.OwnerID, s.run.WorkflowID)
	})
	if err == nil && head.Status != models.WorkflowPublished {
		err = &models.Error{Op: "run.Executor.begin", Kind: models.Conflict, Msg: "the workflow is " + head.Status + " now"}
	}
	return err
}

func (e *Executor) isStopping() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stopping
}

func errStopping() error {
	return &models.Error{Op: "run.Executor", Kind: models.Unavailable, Msg: "the server is stopping; run again in a moment"}
}

// await returns the run when it has ended, or as it is after atMost.
func (e *Executor) await(ctx context.Context, s *session, atMost time.Duration) (models.Run, error) {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
	case <-ctx.Done():
		return models.Run{}, &models.Error{
			Op: "run.Executor.await", Kind: models.Unavailable, Msg: "the run goes on; read its state later", Err: ctx.Err(),
		}
	}
	return s.snapshot(), nil
}
