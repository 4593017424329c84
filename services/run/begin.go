package run

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/plan"
)

// Run deploys one of owner's workflows as it is saved now and returns the run
// when it has ended, or as it is after a while. The run goes on whatever
// becomes of ctx. Everything wrong with the drawing is found before anything
// is applied; a second run at the same time is a Conflict. Typed values go to
// the cluster and nowhere else.
func (e *Executor) Run(ctx context.Context, owner, id string, typed models.TriggerData) (models.Run, error) {
	w, err := e.deps.Workflows.Get(ctx, owner, id)
	if err != nil {
		return models.Run{}, err
	}
	if w.Status != models.WorkflowPublished {
		return models.Run{}, &models.Error{
			Op: "run.Executor.Run", Kind: models.Invalid, Msg: "the workflow is " + w.Status + "; publish it before running it",
		}
	}
	p, err := e.planOf(ctx, w)
	if err != nil {
		return models.Run{}, err
	}
	g, err := e.admit(ctx, w, p)
	if err != nil {
		return models.Run{}, err
	}
	w.ClusterRef = g.Cluster.ID
	run := e.newRun(w, models.RunDeploy)
	run.TriggeredBy = models.TriggeredManually
	run.TriggerData = models.Trigger{UserID: owner, Typed: typedNames(typed)}
	noteRun(ctx, run)
	s := newSession(run, p, typed, e.now)
	s.workflow = w
	if err := e.begin(ctx, s, e.deploy); err != nil {
		return models.Run{}, err
	}
	return e.await(ctx, s, e.opts.AnswerAfter)
}

// planOf plans what w shows now. A drawing without nodes is run only to remove
// what earlier runs made.
func (e *Executor) planOf(ctx context.Context, w models.Workflow) (*plan.Plan, error) {
	opts := plan.Options{WorkflowID: w.ID}
	if len(w.Nodes) == 0 {
		inventory, err := e.deps.Workflows.Inventory(ctx, w.ID)
		if err != nil {
			return nil, err
		}
		here, _ := split(inventory, w.ClusterID)
		opts.Empty = len(here) > 0
	}
	p, problems := plan.Build(w.Graph(), e.deps.Kinds, opts)
	return p, problems.Err("run.Executor.Run")
}

// newRun returns a run in the cluster that w belongs to or, where that is not
// known yet, in whichever its name leads to.
func (e *Executor) newRun(w models.Workflow, action string) models.Run {
	now := e.now()
	return models.Run{
		ID: models.NewID(), WorkflowID: w.ID, Status: models.RunRunning, StartedAt: now, Logs: []string{},
		Action: action, OwnerID: w.OwnerID, Cluster: w.ClusterID, ClusterRef: w.ClusterRef,
		Lease: e.lease, LeaseUntil: now.Add(e.opts.Lease), Deadline: now.Add(e.opts.Deadline),
	}
}

// typedNames tells which values were typed, without the values.
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

// begin takes the workflow's lock by storing the run, and sets to work. What
// the run was prepared from is looked at once more behind the lock: archiving
// changes the status first and then ends what is running.
func (e *Executor) begin(ctx context.Context, s *session, work work) error {
	if e.isStopping() {
		return errStopping()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.opts.Lease)
	defer cancel()
	if err := e.deps.Runs.Begin(ctx, s.run); err != nil {
		return err
	}
	head, err := e.deps.Workflows.Head(ctx, s.run.OwnerID, s.run.WorkflowID)
	if err == nil && s.run.Action == models.RunDeploy && head.Status != models.WorkflowPublished {
		err = &models.Error{Op: "run.Executor.begin", Kind: models.Conflict, Msg: "the workflow is " + head.Status + " now"}
	}
	if err == nil {
		err = e.launch(ctx, s, work)
	}
	if err != nil {
		res := s.end(models.RunFailed, models.MessageOf(err))
		return errors.Join(err, e.deps.Runs.Finish(ctx, s.run.ID, e.lease, res))
	}
	return nil
}

func (e *Executor) isStopping() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stopping
}

func errStopping() error {
	return &models.Error{Op: "run.Executor", Kind: models.Unavailable, Msg: "the server is stopping; run again in a moment"}
}

// await returns the run when it has ended, or as it is after that time.
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
