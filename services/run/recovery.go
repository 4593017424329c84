package run

import (
	"context"
	"errors"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/plan"
)

// abandonedRuns finds runs whose lease has expired.
type abandonedRuns interface {
	Abandoned(ctx context.Context, at time.Time) ([]models.Run, error)
	TakeOver(ctx context.Context, seen models.Run, lease string, until time.Time) (models.Run, error)
}

// recoveredWorkflows finds workflows regardless of their owner.
type recoveredWorkflows interface {
	ByID(ctx context.Context, id string) (models.Workflow, error)
}

// Recovery finishes runs that another process began and left unfinished, because
// it was killed or because it stopped and released them.
type Recovery struct {
	exec      *Executor
	runs      abandonedRuns
	workflows recoveredWorkflows
	alone     bool
}

// NewRecovery returns a worker that finishes runs through exec. alone says that
// no other process uses the database; every run that is in progress when Run
// begins is then taken over at once, without waiting for the end of its lease.
func NewRecovery(exec *Executor, runs abandonedRuns, workflows recoveredWorkflows, alone bool) *Recovery {
	return &Recovery{exec: exec, runs: runs, workflows: workflows, alone: alone}
}

// Run looks for abandoned runs, at once and then at intervals, until ctx ends; then
// it returns nil. The runs that it takes over go on in the executor.
func (r *Recovery) Run(ctx context.Context) error {
	tick := time.NewTicker(r.exec.opts.Lease / 3)
	defer tick.Stop()
	until := r.exec.now()
	if r.alone {
		until = until.Add(r.exec.opts.Deadline) // later than any lease
	}
	for ; ; until = r.exec.now() {
		if err := r.once(ctx, until); err != nil && ctx.Err() == nil {
			r.exec.deps.Log.WarnContext(ctx, "looking for abandoned runs failed", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// once takes over runs of other processes whose leases end before until.
func (r *Recovery) once(ctx context.Context, until time.Time) error {
	abandoned, err := r.runs.Abandoned(ctx, until)
	if err != nil {
		return err
	}
	var errs []error
	for _, seen := range abandoned {
		if r.exec.isStopping() {
			break
		}
		if r.exec.session(seen.ID) != nil {
			continue // this process works on it
		}
		run, err := r.runs.TakeOver(ctx, seen, r.exec.lease, r.exec.now().Add(r.exec.opts.Lease))
		if err == nil {
			err = r.resume(ctx, run)
		} else if models.KindOf(err) == models.Conflict {
			continue // another process was faster
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// resume continues a run. A run that cannot be continued ends as failed.
func (r *Recovery) resume(ctx context.Context, run models.Run) error {
	e := r.exec
	e.deps.Log.InfoContext(ctx, "taking a run over", "run", run.ID, "workflow", run.WorkflowID)
	s := newSession(run, nil, models.TriggerData{}, e.now)
	s.recovered = run.NodeStates
	work, err := r.prepare(ctx, s)
	if err != nil {
		reason := err
		work = func(context.Context, *session) error { return reason }
	}
	if run.CancelRequested {
		work = func(ctx context.Context, s *session) error { s.cancel(endCancelled); <-ctx.Done(); return ctx.Err() }
	}
	return e.launch(ctx, s, work)
}

// prepare rebuilds the work of a run from the stored version.
func (r *Recovery) prepare(ctx context.Context, s *session) (work, error) {
	e := r.exec
	w, err := r.workflows.ByID(ctx, s.run.WorkflowID)
	if err != nil {
		return nil, err
	}
	s.workflow = w
	if s.run.Action == models.RunTearDown {
		return e.tearDown, nil
	}
	if s.run.Version == 0 {
		return nil, failure("the server stopped before this run applied anything; run again")
	}
	v, err := e.deps.Versions.Get(ctx, s.run.WorkflowID, s.run.Version)
	if err != nil {
		return nil, err
	}
	p, problems := plan.Build(v.Graph(), e.deps.Kinds, plan.Options{WorkflowID: s.run.WorkflowID, Empty: true})
	if err := problems.Err("run.Recovery"); err != nil {
		return nil, err
	}
	s.setPlan(p)
	return e.deploy, nil
}
