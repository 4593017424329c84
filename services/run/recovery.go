package run

import (
	"context"
	"errors"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/plan"
)

// abandonedRuns finds running runs and takes them over, and finds those that have
// ended and were not counted.
type abandonedRuns interface {
	Leased(ctx context.Context) ([]models.Run, error)
	TakeOver(ctx context.Context, id, seen, lease string) (models.Run, error)
	Unsettled(ctx context.Context) ([]models.Run, error)
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
	nudge     chan struct{}
	idle      map[string]time.Time // runs of this server's session that it does not execute, by when they were seen first; used by Run alone
}

// NewRecovery returns a worker that finishes runs through exec.
func NewRecovery(exec *Executor, runs abandonedRuns, workflows recoveredWorkflows) *Recovery {
	return &Recovery{exec: exec, runs: runs, workflows: workflows, nudge: make(chan struct{}, 1), idle: map[string]time.Time{}}
}

// Nudge has abandoned runs looked for now, because a server left. It does not block.
func (r *Recovery) Nudge() {
	select {
	case r.nudge <- struct{}{}:
	default:
	}
}

// Run looks for abandoned runs, at once and then at intervals, until ctx ends; then
// it returns nil. The runs that it takes over go on in the executor.
func (r *Recovery) Run(ctx context.Context) error {
	tick := time.NewTicker(r.exec.opts.Recheck)
	defer tick.Stop()
	for {
		if err := r.once(ctx); err != nil && ctx.Err() == nil {
			r.exec.deps.Log.WarnContext(ctx, "looking for abandoned runs failed", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.nudge:
		case <-tick.C:
		}
	}
}

// once takes over the runs whose sessions are over.
func (r *Recovery) once(ctx context.Context) error {
	running, err := r.runs.Leased(ctx)
	if err != nil {
		return err
	}
	ended, err := r.runs.Unsettled(ctx)
	if err != nil || len(running)+len(ended) == 0 {
		return err
	}
	// Read after the runs: a session that is not among these is over.
	sessions, err := r.exec.deps.Server.Sessions(ctx)
	if err != nil {
		return err
	}
	own := r.exec.deps.Server.ID()
	delete(sessions, own)
	before := r.idle
	r.idle = map[string]time.Time{}
	errs := []error{r.account(ctx, ended, sessions)}
	for _, seen := range running {
		if own == "" || r.exec.isStopping() {
			break
		}
		if sessions[seen.Lease] || r.isBusy(seen, own, before) {
			continue
		}
		run, err := r.runs.TakeOver(ctx, seen.ID, seen.Lease, own)
		if err == nil {
			err = r.resume(ctx, run)
		} else if models.KindOf(err) == models.Conflict {
			continue // another server was faster
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// account counts and tells the runs that have ended and whose servers did not live to
// do it, or could not.
func (r *Recovery) account(ctx context.Context, ended []models.Run, sessions map[string]bool) error {
	var errs []error
	for _, run := range ended {
		if sessions[run.Lease] || r.exec.session(run.ID) != nil {
			continue
		}
		w, err := r.workflows.ByID(ctx, run.WorkflowID)
		if err == nil || models.KindOf(err) == models.NotFound {
			err = r.exec.account(ctx, run, w.Name)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// isBusy reports whether a run that belongs to this server, or to one of an earlier
// version, is worked on. A run of this server that is not executed is about to
// begin; if it stays so, its end could not be stored.
func (r *Recovery) isBusy(seen models.Run, own string, before map[string]time.Time) bool {
	if seen.Lease != own || r.exec.session(seen.ID) != nil {
		return seen.Lease == own || r.exec.now().Before(seen.LeaseUntil)
	}
	since, known := before[seen.ID]
	if !known {
		since = time.Now()
	}
	r.idle[seen.ID] = since
	return time.Since(since) < 2*storeTime
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
	switch {
	case s.run.Action == models.RunCleanUp:
		return nil, failure("the server ended before all was removed; look at the leftovers, and repeat it")
	case s.run.Action == models.RunTearDown && (err == nil || models.KindOf(err) == models.NotFound):
		s.workflow = w // empty when it was deleted meanwhile
		return e.tearDown, nil
	case err != nil:
		return nil, err
	}
	s.workflow = w
	if s.run.Action == models.RunCorrect {
		return e.correct, e.planCorrection(ctx, s)
	}
	number := s.run.Version
	if number == 0 && s.run.RestoredFrom > 0 {
		v, err := e.deps.Versions.Get(ctx, s.run.WorkflowID, s.run.RestoredFrom)
		if err != nil {
			return nil, err
		}
		s.workflow.Nodes, s.workflow.Edges = v.Nodes, v.Edges
	}
	if number == 0 { // nothing was applied, and perhaps no snapshot was taken
		v, err := e.takeSnapshot(ctx, s)
		if err != nil {
			return nil, err
		}
		number = v.Number
	}
	v, err := e.deps.Versions.Get(ctx, s.run.WorkflowID, number)
	if err != nil {
		return nil, err
	}
	graph := v.Graph()
	s.workflow.Nodes, s.workflow.Edges = graph.Nodes, graph.Edges
	p, problems := plan.Build(v.Graph(), e.deps.Kinds, plan.Options{WorkflowID: s.run.WorkflowID, Empty: true})
	if err := problems.Err("run.Recovery"); err != nil {
		return nil, err
	}
	s.setPlan(p)
	return e.carryOut, nil
}
