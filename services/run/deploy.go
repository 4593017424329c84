package run

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/plan"
)

func ownerLabels(workflowID string) map[string]string {
	return map[string]string{plan.WorkflowLabel: plan.NodeLabel(workflowID)}
}

// ownerName names the owner of an object with these labels, or returns "" when
// no workflow made it.
func ownerName(labels map[string]string) string {
	if labels[plan.WorkflowLabel] == "" {
		return ""
	}
	return "another workflow"
}

func namespaceLabels() map[string]string {
	return map[string]string{"app.kubernetes.io/managed-by": "kubeorch"}
}

// deploy applies the drawing and deletes the objects that left it.
func (e *Executor) deploy(ctx context.Context, s *session) error {
	if err := e.prepare(ctx, s); err != nil {
		return err
	}
	t, err := e.openTarget(ctx, s)
	if err != nil {
		return err
	}
	owned, err := e.look(ctx, s, t)
	if err != nil {
		return err
	}
	err = e.apply(ctx, s, t)
	left := <-owned
	if err != nil {
		return err
	}
	return e.prune(ctx, s, t, left)
}

// apply applies the drawing once it is known that no object belongs to somebody else,
// and that the API server accepts what only it can judge.
func (e *Executor) apply(ctx context.Context, s *session, t clusterTarget) error {
	if s.run.FailurePolicy != models.PolicyContinue {
		if err := e.checkOwners(ctx, s, t); err != nil {
			return err
		}
	}
	if err := e.tryFirst(ctx, s, t); err != nil {
		return err
	}
	if err := ensureNamespaces(ctx, s, t); err != nil {
		return err
	}
	if err := e.applyWaves(ctx, s, t); err != nil {
		return err
	}
	return freeStatefulSets(ctx, s, t)
}

// freeStatefulSets lets changed StatefulSets go on that hang in a revision whose pods do
// not start.
func freeStatefulSets(ctx context.Context, s *session, t clusterTarget) error {
	s.mu.Lock()
	sets := slices.Clone(s.updated)
	s.mu.Unlock()
	var problems []string
	for _, c := range t.FreeStatefulSets(ctx, sets) {
		if c.Action == applier.Failed {
			problems = append(problems, c.Message)
			continue
		}
		s.logf("%s: deleted, %s", c.Ref, c.Message)
	}
	if len(problems) > 0 {
		return failure("some pods could not be replaced: " + strings.Join(problems, "; "))
	}
	return nil
}

// prepare stores the version that the run applies, before it applies anything.
// A run that another process began has its version already.
func (e *Executor) prepare(ctx context.Context, s *session) error {
	if s.version > 0 {
		if s.parent == nil {
			s.logf("taken over, applying version %d again", s.version)
		}
		return nil
	}
	v, err := e.takeSnapshot(ctx, s)
	if err != nil {
		return err
	}
	if err := e.restoreDrawing(ctx, s, v); err != nil {
		return err
	}
	before, err := e.inventory(ctx, s)
	if err != nil {
		return err
	}
	if _, elsewhere := splitByPlace(before, s.place()); len(elsewhere) > maxElsewhere {
		return failure(fmt.Sprintf("%d objects of this workflow are on record in its former clusters; remove or forget its leftovers first", len(elsewhere)))
	}
	s.mu.Lock()
	s.version = v.Number
	s.mu.Unlock()
	s.logf("applying version %d, %d nodes, to cluster %s", v.Number, len(v.Nodes), s.run.Cluster)
	for _, w := range s.plan.Warnings {
		s.logf("warning: %s", w)
	}
	start := models.RunStart{RunID: s.run.ID, At: s.run.StartedAt, Version: v.Number, Cluster: s.run.Cluster, ClusterRef: s.run.ClusterRef, Inventory: withDrawn(before, planned(s))}
	// Both are on disk before anything is applied. Written at once, they share a
	// commit.
	s.whole().keepInventory(start.Inventory)
	var group errgroup.Group
	group.Go(func() error {
		return whileAway(ctx, func() error { return e.deps.Workflows.StartRun(ctx, s.run.WorkflowID, start) })
	})
	group.Go(func() error {
		return whileAway(ctx, func() error { return e.record(ctx, s) })
	})
	return group.Wait()
}

// takeSnapshot stores the drawing as the version that the run applies. Its id is that
// of the run, so that a server that takes the run over stores none beside it.
func (e *Executor) takeSnapshot(ctx context.Context, s *session) (models.Version, error) {
	graph := s.workflow.Graph().Tidy()
	v := models.Version{
		ID: s.run.ID, WorkflowID: s.run.WorkflowID, Nodes: graph.Nodes, Edges: graph.Edges,
		Description: "Automatic snapshot of a run", CreatedAt: e.now(), CreatedBy: s.run.OwnerID,
		IsAutomatic: true, RunID: s.run.ID, RunStatus: models.RunRunning, RestoredFrom: s.run.RestoredFrom,
	}
	if v.RestoredFrom > 0 {
		v.Description = fmt.Sprintf("Rolled back to version %d", v.RestoredFrom)
	}
	return askWhileAway(ctx, func() (models.Version, error) { return e.deps.Versions.Add(ctx, v) })
}

func ensureNamespaces(ctx context.Context, s *session, t clusterTarget) error {
	var problems []string
	for _, c := range t.EnsureNamespaces(ctx, s.plan.Namespaces(), namespaceLabels()) {
		switch c.Action {
		case applier.Failed:
			problems = append(problems, c.Message)
		case applier.Created:
			s.logf("created %s", c.Ref)
		default:
		}
	}
	if len(problems) > 0 {
		return failure(strings.Join(problems, "; "))
	}
	return nil
}

// applyWaves applies one wave after the other. Nodes that depend on a failed
// one are skipped, all others are applied, unless a node port is refused.
func (e *Executor) applyWaves(ctx context.Context, s *session, t clusterTarget) error {
	first, waves := nodePortsFirst(s.plan.Waves())
	if err := e.applyWave(ctx, s, t, first); err != nil {
		return err
	}
	if err := s.verdict(); err != nil {
		return err
	}
	for _, wave := range waves {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := e.applyWave(ctx, s, t, wave); err != nil {
			return err
		}
		if s.stopsAtFailure() && len(s.failures()) > 0 {
			break
		}
		e.recordWhenDue(ctx, s)
	}
	return s.verdict()
}

// recordWhenDue stores the progress of a run once a second.
func (e *Executor) recordWhenDue(ctx context.Context, s *session) {
	if !s.due() || ctx.Err() != nil {
		return
	}
	e.deps.Watch(s.run.WorkflowID) // statuses are kept during a long run, too
	if err := e.record(ctx, s); err != nil {
		e.deps.Log.WarnContext(ctx, "progress of a run could not be stored", "run", s.run.ID, "err", err)
	}
}

// verdict names the nodes that failed, or returns nil.
func (s *session) verdict() error {
	failed := s.failures()
	if len(failed) == 0 {
		return nil
	}
	const shown = 5
	text := fmt.Sprintf("%d of %d nodes failed", len(failed), len(s.plan.Steps))
	for i, id := range failed {
		if i == shown {
			text += fmt.Sprintf("; and %d more", len(failed)-shown)
			break
		}
		text += fmt.Sprintf("; node %q: %s", id, s.state(id).Error)
	}
	return failure(text)
}
