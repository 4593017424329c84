package services

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/plan"
)

// runAccess answers whether workflows may write into their clusters.
type runAccess interface {
	RequireFor(ctx context.Context, w models.Workflow, action models.ClusterAction) (models.ClusterGrant, error)
}

// admit finds the cluster of a workflow and reports why its owner may not
// deploy the plan to it: all nodes at once, before anything is written.
func (e *WorkflowExecutor) admit(ctx context.Context, w models.Workflow, p *plan.Plan) (models.ClusterGrant, error) {
	g, err := e.granted(ctx, w)
	if err != nil {
		return g, err
	}
	t, err := e.target(ctx, g, w.ID)
	if err != nil {
		return g, err
	}
	return g, trespass(ctx, g, t, p)
}

// granted returns what the owner of w may do in its cluster. It says nothing
// about whether the cluster answers.
func (e *WorkflowExecutor) granted(ctx context.Context, w models.Workflow) (models.ClusterGrant, error) {
	g, err := e.deps.Access.RequireFor(ctx, w, models.ClusterDeploy)
	if err != nil && models.KindOf(err) == models.NotFound {
		msg := fmt.Sprintf("the cluster %q of this workflow does not exist", w.ClusterID)
		return g, &models.Error{Op: "services.WorkflowExecutor.granted", Kind: models.Invalid, Msg: msg, Err: err}
	}
	return g, err
}

// trespass returns an error that names every node of which something would be
// where the grant is not good. A grant for certain namespaces is good for no
// object of the whole cluster, and makes no namespace either.
func trespass(ctx context.Context, g models.ClusterGrant, t clusterTarget, p *plan.Plan) error {
	if !g.Restricted() {
		return nil
	}
	var found models.Problems
	refuse := func(step plan.Step, format string, args ...any) {
		found = append(found, models.Problem{Node: step.NodeID, Label: step.Label, Field: "namespace", Message: fmt.Sprintf(format, args...)})
	}
	missing := missingNamespaces(ctx, g, t, p)
	for _, step := range p.Steps {
		objects := madeBy(step)
		refusals := t.Refusals(ctx, objects)
		for i, o := range objects {
			ns := o.GetNamespace()
			switch {
			case !g.Covers(ns):
				refuse(step, "%q is not among the namespaces in which the cluster is shared with you: %v", ns, g.Namespaces)
			case refusals[i] != nil:
				refuse(step, "%s", messageOf(asRunError(refusals[i])))
			case missing[ns] != "":
				refuse(step, "%s", missing[ns])
			default:
				continue
			}
			break // one for each node will do
		}
	}
	if len(found) == 0 {
		return nil
	}
	return &models.Error{
		Op: "services.trespass", Kind: models.Forbidden, Problems: found,
		Msg: "cluster " + g.Cluster.Name + " is shared with you in certain namespaces only: " + found.String(),
	}
}

// missingNamespaces says of the namespaces that the plan needs and g covers
// what keeps them from being used.
func missingNamespaces(ctx context.Context, g models.ClusterGrant, t clusterTarget, p *plan.Plan) map[string]string {
	names := slices.DeleteFunc(p.Namespaces(), func(ns string) bool { return !g.Covers(ns) })
	missing := map[string]string{}
	for _, c := range t.EnsureNamespaces(ctx, names, nil) { // makes none within a fence
		if c.Action == applier.Failed {
			missing[c.Name] = c.Message
		}
	}
	return missing
}

func madeBy(step plan.Step) []*unstructured.Unstructured {
	if step.Values == nil {
		return step.Objects
	}
	return append(slices.Clone(step.Objects), step.Values.Object)
}

// fence is a cluster as far as a run may work in it. Before each step it asks
// whether that still holds: a share that was ended ends the run before its next
// objects, because ctx has ended then.
type fence struct {
	clusterTarget

	still func(ctx context.Context)
}

// Apply asks first.
func (f fence) Apply(ctx context.Context, reqs []applier.Request, done func(int, applier.Change)) []applier.Change {
	f.still(ctx)
	return f.clusterTarget.Apply(ctx, reqs, done)
}

// ApplyValues asks first.
func (f fence) ApplyValues(ctx context.Context, req applier.ValuesRequest) (applier.Change, applier.ValuesState) {
	f.still(ctx)
	return f.clusterTarget.ApplyValues(ctx, req)
}

// Delete asks first.
func (f fence) Delete(ctx context.Context, refs []applier.Ref, o applier.DeleteOptions) []applier.Change {
	f.still(ctx)
	return f.clusterTarget.Delete(ctx, refs, o)
}

// enter returns the cluster of a run, as far as the run may work in it.
func (e *WorkflowExecutor) enter(ctx context.Context, s *runSession) (clusterTarget, error) {
	g, err := e.granted(ctx, s.placed())
	if err != nil {
		return nil, err
	}
	t, err := e.target(ctx, g, s.run.WorkflowID)
	if err != nil {
		return nil, err
	}
	if s.plan != nil {
		if err := trespass(ctx, g, t, s.plan); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	s.grant = &g
	s.mu.Unlock()
	var last atomic.Int64
	return fence{t, func(ctx context.Context) {
		now := time.Now().UnixNano()
		if before := last.Load(); now-before > int64(e.believed) && last.CompareAndSwap(before, now) {
			e.lookAgain(ctx, s)
		}
	}}, nil
}

// accessPause is how long the access of a run is believed without looking
// again. What this process hears of counts at once.
const accessPause = 100 * time.Millisecond

// placed is the workflow of a run, in the cluster of the run.
func (s *runSession) placed() models.Workflow {
	return models.Workflow{ID: s.run.WorkflowID, OwnerID: s.run.OwnerID, ClusterID: s.run.Cluster, ClusterRef: s.run.ClusterRef}
}

// lookAgain ends a run whose owner may not do any more what it began with. A
// grant for other namespaces ends it as well: the run would go on with the old
// ones. That nobody could find out ends nothing; without the database the run
// loses its lease soon.
func (e *WorkflowExecutor) lookAgain(ctx context.Context, s *runSession) {
	s.mu.Lock()
	began := s.grant
	s.mu.Unlock()
	if began == nil { // it has not entered the cluster yet
		return
	}
	g, err := e.granted(ctx, s.placed())
	switch {
	case err != nil && LostAccess(err):
		e.deps.Log.InfoContext(ctx, "a run lost its cluster", "run", s.run.ID, "workflow", s.run.WorkflowID, "reason", err)
		s.cancel(endAccess)
	case err == nil && !slices.Equal(g.Namespaces, began.Namespaces):
		s.cancel(endNarrowed)
	}
}

// AccessChanged ends the runs in a cluster whose owners have lost it.
func (e *WorkflowExecutor) AccessChanged(ctx context.Context, clusterID string) {
	e.mu.Lock()
	var there []*runSession
	for _, s := range e.active {
		if s.run.ClusterRef == clusterID {
			there = append(there, s)
		}
	}
	e.mu.Unlock()
	for _, s := range there {
		e.lookAgain(ctx, s)
	}
}
