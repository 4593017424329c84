package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kubeorch/core/models"
)

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
		e.finish(ctx, s, models.RunCancelled, s.endedBy(end.Error()))
	case end == endAccess, end == endNarrowed, end == endStarter:
		e.finish(ctx, s, models.RunFailed, s.endedBy(end.Error()))
	case end == endDeadline:
		e.finish(ctx, s, models.RunFailed, s.endedBy(fmt.Sprintf("%s, %v", end, s.run.Deadline.Sub(s.run.StartedAt))))
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
	err := e.record(ctx, s)
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
	res.Unsettled = true
	if err := whileAway(ctx, func() error { return e.deps.Runs.Finish(ctx, s.run.ID, s.run.Lease, res) }); err != nil {
		// Another process will find the run without a lease and finish it.
		e.deps.Log.ErrorContext(ctx, "a finished run could not be stored", "run", s.run.ID, "err", err)
		return
	}
	if publish := e.takeNews(s); publish != nil {
		publish(ctx)
	}
	if err := e.account(ctx, s.snapshot(), s.workflow.Name); err != nil {
		e.deps.Log.ErrorContext(ctx, "a run that ended could not be counted and told; it is tried again", "run", s.run.ID, "err", err)
	}
	e.deps.Watch(s.run.WorkflowID)
	e.deps.Log.InfoContext(ctx, "run ended", "run", s.run.ID, "workflow", s.run.WorkflowID, "status", status)
}
