package run

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/plan"
)

// access answers whether workflows may write into their clusters.
type access interface {
	RequireFor(ctx context.Context, w models.Workflow, action models.ClusterAction) (models.ClusterGrant, error)
	RequireByID(ctx context.Context, userID, clusterID string, action models.ClusterAction) (models.ClusterGrant, error)
}

// accounts answers whether people may go on with what they have started.
type accounts interface {
	Require(ctx context.Context, userID, tokenID string) error
}

// authorize returns what the owner of w may do in its cluster. Its error names
// every node of p that may not be deployed there; nothing is written.
func (e *Executor) authorize(ctx context.Context, w models.Workflow, p *plan.Plan) (models.ClusterGrant, error) {
	g, err := e.grantFor(ctx, w)
	if err != nil {
		return g, err
	}
	t, err := e.target(ctx, g, w.ID)
	if err != nil {
		return g, err
	}
	return g, checkPlacement(ctx, g, t, p)
}

// grantFor returns what the owner of w may do in its cluster. It reads the
// database and does not connect to the cluster.
func (e *Executor) grantFor(ctx context.Context, w models.Workflow) (models.ClusterGrant, error) {
	g, err := e.deps.Access.RequireFor(ctx, w, models.ClusterDeploy)
	if err != nil && models.KindOf(err) == models.NotFound {
		msg := fmt.Sprintf("the cluster %q of this workflow does not exist", w.ClusterID)
		return g, &models.Error{Op: "run.Executor.grantFor", Kind: models.Invalid, Msg: msg, Err: err}
	}
	return g, err
}

// checkPlacement returns an error that names every node with a pod that g does not
// permit, or else every node with an object outside the namespaces of g. Objects of the whole cluster are outside, and so are
// namespaces that do not exist yet.
func checkPlacement(ctx context.Context, g models.ClusterGrant, t clusterTarget, p *plan.Plan) error {
	found, err := podProblems(g, p)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return &models.Error{
			Op: "run.checkPlacement", Kind: models.Forbidden, Problems: found,
			Msg: "cluster " + g.Cluster.Name + " is shared with you for pods with bounds: " + found.String(),
		}
	}
	if !g.Restricted() {
		return nil
	}
	refuse := func(step plan.Step, format string, args ...any) {
		found = append(found, models.Problem{Node: step.NodeID, Label: step.Label, Field: "namespace", Message: fmt.Sprintf(format, args...)})
	}
	missing := missingNamespaces(ctx, g, t, p)
	for _, step := range p.Steps {
		objects := step.AllObjects()
		refusals := t.Refusals(ctx, objects)
		for i, o := range objects {
			ns := o.GetNamespace()
			switch {
			case !g.Covers(ns):
				refuse(step, "%q is not among the namespaces in which the cluster is shared with you: %v", ns, g.Namespaces)
			case refusals[i] != nil:
				refuse(step, "%s", models.MessageOf(clusterFailure(refusals[i])))
			case missing[ns] != "":
				refuse(step, "%s", missing[ns])
			default:
				continue
			}
			break // one problem per node is enough
		}
	}
	if len(found) == 0 {
		return nil
	}
	return &models.Error{
		Op: "run.checkPlacement", Kind: models.Forbidden, Problems: found,
		Msg: "cluster " + g.Cluster.Name + " is shared with you in certain namespaces only: " + found.String(),
	}
}

// missingNamespaces returns, for each namespace of p that g covers and that
// cannot be used, the reason.
func missingNamespaces(ctx context.Context, g models.ClusterGrant, t clusterTarget, p *plan.Plan) map[string]string {
	names := slices.DeleteFunc(p.Namespaces(), func(ns string) bool { return !g.Covers(ns) })
	missing := map[string]string{}
	for _, c := range t.EnsureNamespaces(ctx, names, nil) { // a restricted applier creates none
		if c.Action == applier.Failed {
			missing[c.Name] = c.Message
		}
	}
	return missing
}

// guardedTarget rechecks the access of a run before each batch of writes. When
// the access has ended, the recheck ends ctx, and the batch writes nothing.
type guardedTarget struct {
	clusterTarget

	recheck func(ctx context.Context)
}

// Apply rechecks before it applies and after each object.
func (g guardedTarget) Apply(ctx context.Context, reqs []applier.Request, done func(int, applier.Change)) []applier.Change {
	g.recheck(ctx)
	return g.clusterTarget.Apply(ctx, reqs, func(i int, c applier.Change) {
		done(i, c)
		g.recheck(ctx)
	})
}

// ApplyValues rechecks, then applies.
func (g guardedTarget) ApplyValues(ctx context.Context, req applier.ValuesRequest) (applier.Change, applier.ValuesState) {
	g.recheck(ctx)
	return g.clusterTarget.ApplyValues(ctx, req)
}

// FreeStatefulSets rechecks, then deletes pods.
func (g guardedTarget) FreeStatefulSets(ctx context.Context, refs []applier.Ref) []applier.Change {
	g.recheck(ctx)
	return g.clusterTarget.FreeStatefulSets(ctx, refs)
}

// Release rechecks, then releases.
func (g guardedTarget) Release(ctx context.Context, refs []applier.Ref) []applier.Change {
	g.recheck(ctx)
	return g.clusterTarget.Release(ctx, refs)
}

// Delete rechecks before it deletes each part of refs.
func (g guardedTarget) Delete(ctx context.Context, refs []applier.Ref, o applier.DeleteOptions) []applier.Change {
	const part = 32
	var changes []applier.Change
	for some := range slices.Chunk(refs, part) {
		g.recheck(ctx)
		changes = append(changes, g.clusterTarget.Delete(ctx, some, o)...)
	}
	return changes
}

// openTarget returns the cluster of a run, bounded by what the owner of the
// workflow may do there.
func (e *Executor) openTarget(ctx context.Context, s *session) (clusterTarget, error) {
	if err := whileAway(ctx, func() error { return e.requireStarter(ctx, s) }); err != nil {
		return nil, err
	}
	g, err := askWhileAway(ctx, func() (models.ClusterGrant, error) { return e.grantFor(ctx, s.workflowInCluster()) })
	if err != nil {
		return nil, err
	}
	t, err := e.target(ctx, g, s.run.WorkflowID)
	if err != nil {
		return nil, err
	}
	if s.plan != nil {
		if err := checkPlacement(ctx, g, t, s.plan); err != nil {
			return nil, err
		}
	}
	s.keepGrant(&g)
	return e.guard(t, func(ctx context.Context) { e.recheckAccess(ctx, s.whole()) }), nil
}

// guard returns t with recheck called before each batch of writes, and not more often
// than answers about access become stale.
func (e *Executor) guard(t clusterTarget, recheck func(ctx context.Context)) clusterTarget {
	var last atomic.Int64
	return guardedTarget{t, func(ctx context.Context) {
		now := time.Now().UnixNano()
		if before := last.Load(); now-before > int64(e.accessTTL) && last.CompareAndSwap(before, now) {
			recheck(ctx)
		}
	}}
}

// keepGrant keeps what the run began with, for recheckAccess.
func (s *session) keepGrant(g *models.ClusterGrant) {
	if s.parent != nil {
		s.parent.keepGrant(g)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grant = g
}

// defaultAccessTTL is how long a run relies on an answer about its access.
// AccessChanged has it asked at once.
const defaultAccessTTL = 100 * time.Millisecond

// workflowInCluster identifies the workflow of a run and the cluster that the
// run works in.
func (s *session) workflowInCluster() models.Workflow {
	return models.Workflow{ID: s.run.WorkflowID, OwnerID: s.run.OwnerID, ClusterID: s.run.Cluster, ClusterRef: s.run.ClusterRef}
}

// requireStarter returns an error when the account or the API token that a run was
// started with may not act any more.
func (e *Executor) requireStarter(ctx context.Context, s *session) error {
	if e.deps.Accounts == nil {
		return nil
	}
	by := s.run.TriggerData
	return e.deps.Accounts.Require(ctx, by.UserID, by.TokenID)
}

// recheckAccess ends a run when the account or API token that started it may not
// act any more, when its owner has lost the cluster, and when the grant has other
// bounds than at the start of the run. An error of the database does not end
// the run; without a database it soon loses its lease.
func (e *Executor) recheckAccess(ctx context.Context, s *session) {
	s.mu.Lock()
	began := s.grant
	s.mu.Unlock()
	if began == nil { // openTarget has not been called yet
		return
	}
	if err := e.requireStarter(ctx, s); err != nil && models.LostAccess(err) {
		e.deps.Log.InfoContext(ctx, "the starter of a run lost access", "run", s.run.ID, "workflow", s.run.WorkflowID, "reason", err)
		s.cancel(endStarter)
		return
	}
	g, err := e.grantFor(ctx, s.workflowInCluster())
	switch {
	case err != nil && models.LostAccess(err):
		e.deps.Log.InfoContext(ctx, "a run lost its cluster", "run", s.run.ID, "workflow", s.run.WorkflowID, "reason", err)
		s.cancel(endAccess)
	case err == nil && !g.SameBounds(*began):
		s.cancel(endNarrowed)
	}
}

// AccessChanged ends the runs in a cluster whose owners have lost it; an empty id
// stands for each cluster.
func (e *Executor) AccessChanged(ctx context.Context, clusterID string) {
	e.mu.Lock()
	var there []*session
	for _, s := range e.active {
		if clusterID == "" || s.run.ClusterRef == clusterID {
			there = append(there, s)
		}
	}
	e.mu.Unlock()
	for _, s := range there {
		e.recheckAccess(ctx, s)
	}
}
