package run

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/plan"
)

// nodeWork is one node of a wave while it is applied.
type nodeWork struct {
	step    plan.Step
	changes []models.ObjectChange
	failure string
	waiting bool // for values that nobody typed yet
	applied int  // of step.Objects
}

// applyWave applies the nodes of one wave: first the Secrets of typed values,
// then the objects, those of one node in their order.
func (e *Executor) applyWave(ctx context.Context, s *session, t clusterTarget, wave []plan.Step) error {
	var work []*nodeWork
	for _, step := range wave {
		if blocker := s.blocker(step); blocker != "" {
			s.set(step.NodeID, models.NodeState{
				Status: models.NodeSkipped, Message: fmt.Sprintf("not applied because node %q was not", blocker),
			})
			s.logf("%s %s: skipped, it needs node %q", step.Type, step.Name, blocker)
			continue
		}
		s.set(step.NodeID, models.NodeState{Status: models.NodeRunning})
		work = append(work, &nodeWork{step: step})
	}
	if err := e.applyValues(ctx, s, t, work); err != nil {
		return err
	}
	for _, w := range work {
		e.concludeIfFinished(ctx, s, w)
	}
	for {
		reqs, from := nextRequests(s, work)
		if len(reqs) == 0 {
			return nil
		}
		changes := t.Apply(ctx, reqs, func(i int, c applier.Change) {
			from[i].note(s, c)
			e.concludeIfFinished(ctx, s, from[i])
			e.recordWhenDue(ctx, s)
		})
		for i, c := range changes {
			if c.Action == applier.Failed && from[i].failure == "" { // the callback was skipped, or panicked
				from[i].note(s, c)
				e.conclude(ctx, s, from[i])
			}
		}
	}
}

// finished reports whether the node has failed or all its objects are applied.
func (w *nodeWork) finished() bool { return w.failure != "" || w.applied == len(w.step.Objects) }

// concludeIfFinished settles a node before the rest of its wave is done.
func (e *Executor) concludeIfFinished(ctx context.Context, s *session, w *nodeWork) {
	if w.finished() {
		e.conclude(ctx, s, w)
	}
}

// blocker returns a failed or skipped node that step depends on, or "".
func (s *session) blocker(step plan.Step) string {
	for _, id := range step.DependsOn {
		if st := s.state(id).Status; st == models.NodeFailed || st == models.NodeSkipped {
			return id
		}
	}
	return ""
}

// nextRequests takes the next object of every node that has one.
func nextRequests(s *session, work []*nodeWork) (reqs []applier.Request, from []*nodeWork) {
	for _, w := range work {
		if w.finished() {
			continue
		}
		o := w.step.Objects[w.applied]
		w.applied++
		req := s.request(w.step, o)
		if w.finished() {
			req.Initial = initialOf(w.step)
		}
		reqs = append(reqs, req)
		from = append(from, w)
	}
	return reqs, from
}

func initialOf(step plan.Step) (fields []applier.Initial) {
	for _, f := range step.Initial {
		fields = append(fields, applier.Initial(f))
	}
	return fields
}

// rerun reports whether a finished Job of the node starts again. Every run
// starts it once, also a run that another process continues.
func (s *session) rerun(nodeID string) bool {
	return s.recovered[nodeID].Status != models.NodeCompleted
}

// note adds what was done to one object.
func (w *nodeWork) note(s *session, c applier.Change) {
	apiVersion, kind := c.ToAPIVersionAndKind()
	w.changes = append(w.changes, models.ObjectChange{
		APIVersion: apiVersion, Kind: kind, Namespace: c.Namespace, Name: c.Name,
		Action: string(c.Action), Message: s.clean(c.Message),
	})
	switch c.Action {
	case applier.Failed:
		w.failure = s.clean(c.Message)
		if errors.Is(c.Err, applier.ErrForeign) {
			s.foundForeign(w.step.NodeID)
		}
		return
	case applier.Skipped:
	default:
		s.touch(w.step.NodeID, c)
	}
	text := string(c.Action)
	if c.Message != "" {
		text += ", " + strings.TrimPrefix(c.Message, c.Ref.String()+" ")
	}
	s.logf("%s: %s", c.Ref, text)
}

// conclude settles the state of a node. When the run has ended, the node is
// skipped and has not failed.
func (e *Executor) conclude(ctx context.Context, s *session, w *nodeWork) {
	state := models.NodeState{Status: models.NodeCompleted, Result: w.changes}
	switch {
	case w.failure != "" && ctx.Err() != nil:
		state.Status, state.Message = models.NodeSkipped, context.Cause(ctx).Error()
		s.set(w.step.NodeID, state)
		return
	case w.failure != "":
		state.Status, state.Error = models.NodeFailed, w.failure
		s.logf("%s %s failed: %s", w.step.Type, w.step.Name, w.failure)
	case w.waiting:
		state.Status, state.Message = models.NodePending, "waits for its values"
	}
	s.set(w.step.NodeID, state)
	e.showNode(ctx, s, w)
}
