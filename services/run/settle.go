package run

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kubeorch/core/models"
)

// auditTrail keeps how runs ended.
type auditTrail interface {
	Record(ctx context.Context, e models.AuditEntry)
}

// notifier tells the owner of a workflow how its runs end. It may be called again
// after an error.
type notifier interface {
	RunEnded(ctx context.Context, r models.Run, workflowName string) error
}

// storeTime bounds the writes with which a run begins and ends. A change of the
// database's primary takes less.
const storeTime = 10 * time.Second

// settle stores how a run ended, unless another process continues it. It works
// after the end of ctx, whose cause tells why the run ended.
func (e *Executor) settle(ctx context.Context, s *session, err error) {
	end, _ := errors.AsType[ending](context.Cause(ctx))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	switch {
	case end == endLost:
		// A process that stood still may have stored statuses that are not right any
		// more; whoever watches the cluster corrects them.
		e.deps.Watch(s.run.WorkflowID)
	case err == nil:
		e.finish(ctx, s, models.RunCompleted, "")
	case end == endHandover:
		e.handOver(ctx, s)
	case end == endCancelled:
		e.finish(ctx, s, models.RunCancelled, end.Error())
	case end == endAccess, end == endNarrowed, end == endStarter:
		e.finish(ctx, s, models.RunFailed, end.Error())
	case end == endDeadline:
		e.finish(ctx, s, models.RunFailed, fmt.Sprintf("%s, %v", end, e.opts.Deadline))
	default:
		if models.KindOf(err) == models.Internal {
			e.deps.Log.WarnContext(ctx, "run failed", "run", s.run.ID, "workflow", s.run.WorkflowID, "err", s.clean(err.Error()))
		}
		e.finish(ctx, s, models.RunFailed, s.clean(models.MessageOf(err)))
	}
}

// failure is why a run failed, in a text for people.
type failure string

// Error returns the text.
func (e failure) Error() string { return string(e) }

// UserMessage returns the text.
func (e failure) UserMessage() string { return string(e) }

func (e *Executor) handOver(ctx context.Context, s *session) {
	s.logf("%s; the run goes on when it is back", endHandover)
	err := e.deps.Runs.Record(ctx, s.run.ID, s.run.Lease, s.progress())
	err = errors.Join(err, e.deps.Runs.Release(ctx, s.run.ID, s.run.Lease))
	e.deps.Log.InfoContext(ctx, "handed a run over", "run", s.run.ID, "err", err)
}

func (e *Executor) finish(ctx context.Context, s *session, status, message string) {
	if message == "" {
		s.logf("run %s", status)
	} else {
		s.logf("run %s: %s", status, message)
	}
	res := s.end(status, message)
	if err := whileAway(ctx, func() error { return e.deps.Runs.Finish(ctx, s.run.ID, s.run.Lease, res) }); err != nil {
		// Another process will find the run without a lease and finish it.
		e.deps.Log.ErrorContext(ctx, "a finished run could not be stored", "run", s.run.ID, "err", err)
		return
	}
	if s.run.Action == models.RunDeploy {
		if err := e.count(ctx, s, status); err != nil {
			e.deps.Log.ErrorContext(ctx, "a run could not be counted", "run", s.run.ID, "err", err)
		}
	}
	e.recordEnd(ctx, s, status)
	if err := e.notify(ctx, s); err != nil {
		e.deps.Log.ErrorContext(ctx, "the end of a run could not be told", "run", s.run.ID, "err", err)
	}
	e.deps.Watch(s.run.WorkflowID)
	e.deps.Log.InfoContext(ctx, "run ended", "run", s.run.ID, "workflow", s.run.WorkflowID, "status", status)
}

// countTime bounds count. No other process does it once the run is stored.
const countTime = 30 * time.Second

// count adds the result of a run to its workflow and to its version.
func (e *Executor) count(ctx context.Context, s *session, status string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), countTime)
	defer cancel()
	var group errgroup.Group
	group.Go(func() error {
		return whileAway(ctx, func() error {
			return e.deps.Workflows.CountResult(ctx, s.run.WorkflowID, s.run.ID, status == models.RunCompleted)
		})
	})
	if version := s.snapshot().Version; version > 0 {
		group.Go(func() error {
			return whileAway(ctx, func() error {
				return e.deps.Versions.SetRunStatus(ctx, s.run.WorkflowID, version, versionStatus(status))
			})
		})
	}
	return group.Wait()
}

// notify tells the owner how a run ended. Of several servers, the one that stored the
// result does.
func (e *Executor) notify(ctx context.Context, s *session) error {
	if e.deps.Notifier == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	return whileAway(ctx, func() error { return e.deps.Notifier.RunEnded(ctx, s.snapshot(), s.workflow.Name) })
}

// versionStatus maps to the fewer states that a version can have.
func versionStatus(run string) string {
	if run == models.RunCompleted {
		return run
	}
	return models.RunFailed
}

// recordEnd records how a run ended, in the name of the user who started it.
func (e *Executor) recordEnd(ctx context.Context, s *session, status string) {
	if e.deps.Audit == nil {
		return
	}
	outcome := models.AuditFailed
	if status == models.RunCompleted {
		outcome = models.AuditSuccess
	}
	details := map[string]string{"cluster": s.run.Cluster, "kind": s.run.Action, "result": status}
	if version := s.snapshot().Version; version > 0 {
		details["version"] = strconv.Itoa(version)
	}
	e.deps.Audit.Record(ctx, models.AuditEntry{
		ActorID: s.run.TriggerData.UserID, Action: "run.end", Outcome: outcome,
		Target: map[string]string{"id": s.run.WorkflowID, "runId": s.run.ID}, Details: details,
	})
}
