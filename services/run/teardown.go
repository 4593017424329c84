package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/services/status"
)

// TearDown removes all objects of an archived workflow from its cluster, except
// claims. Adopted objects are released, or deleted if deleteAdopted is true. It
// ends a run in progress first, and continues in the background after
// Options.AnswerAfter. The warning says what is left, what went wrong, or that the
// work goes on; it is empty otherwise.
func (e *Executor) TearDown(ctx context.Context, w models.Workflow, deleteAdopted bool) (warning string) {
	ctx, cancel := context.WithTimeout(ctx, e.opts.AnswerAfter)
	defer cancel()
	if inventory, err := e.deps.Workflows.Inventory(ctx, w.ID); err == nil && len(inventory) == 0 && w.RunCount == 0 {
		return ""
	}
	run := e.newRun(w, models.RunTearDown)
	run.Version, run.TriggeredBy = w.VersionSeq, models.TriggeredByStatus
	run.TriggerData, run.DeleteAdopted = startedBy(ctx, w.OwnerID), deleteAdopted
	noteRun(ctx, run)
	s := newSession(run, nil, models.TriggerData{}, e.now)
	s.workflow = w
	if err := e.beginTearDown(ctx, s); err != nil {
		return "the objects in the cluster were not removed: " + models.MessageOf(err)
	}
	done, err := e.await(ctx, s, e.opts.AnswerAfter)
	switch {
	case err != nil || done.Status == models.RunRunning:
		return "the objects in the cluster are still being removed"
	case done.Status != models.RunCompleted:
		return "the objects in the cluster were not all removed: " + done.Error
	}
	return s.note
}

// beginTearDown takes the workflow's lock and ends the run that holds it.
func (e *Executor) beginTearDown(ctx context.Context, s *session) error {
	const pause = 100 * time.Millisecond
	for {
		err := e.begin(ctx, s, e.tearDown)
		if err == nil || models.KindOf(err) != models.Conflict {
			return err
		}
		running, rerr := e.deps.Runs.Running(ctx, s.run.WorkflowID)
		if rerr == nil && running.Action == models.RunTearDown {
			return failure("they are being removed already")
		}
		if rerr == nil {
			_ = e.cancel(ctx, s.run.WorkflowID, running.ID) // it may have ended in between
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// tearDown deletes the workflow's objects in the reverse order of applying.
func (e *Executor) tearDown(ctx context.Context, s *session) error {
	s.logf("removing the workflow's objects from cluster %s", s.run.Cluster)
	t, err := e.openTarget(ctx, s)
	if err != nil {
		return err
	}
	owned := <-e.listOwned(ctx, s, t, builtinKinds()...)
	if owned.err != nil {
		return clusterFailure(owned.err)
	}
	inventory, err := e.inventory(ctx, s)
	if err != nil {
		return err
	}
	left, gone, elsewhere := leaving(s.place(), owned.refs, inventory, nil)
	claims, secrets := partition(left, func(r applier.Ref) bool { return r.Kind == kindClaim })
	gone = append(gone, secrets...)
	remaining, err := remove(ctx, s, t, gone, applier.DeleteOptions{Adopted: s.run.DeleteAdopted})
	kept := release(ctx, s, t, present(owned.refs, claims))
	s.noteKept(kept, clustersOf(elsewhere))
	now := append(inventoryOf(s, append(kept, remaining...)), elsewhere...)
	if serr := e.setInventory(ctx, s, now); serr != nil {
		return errors.Join(err, serr)
	}
	if err != nil {
		return err
	}
	return e.forgetStatuses(ctx, s)
}

// present returns the refs that are among inCluster.
func present(inCluster, refs []applier.Ref) []applier.Ref {
	there := make(map[objectKey]bool, len(inCluster))
	for _, r := range inCluster {
		there[keyOf(r)] = true
	}
	found, _ := partition(refs, func(r applier.Ref) bool { return there[keyOf(r)] })
	return found
}

// noteKept tells the person who archived the workflow what is left of it.
func (s *session) noteKept(claims []applier.Ref, clusters []string) {
	var notes []string
	if len(claims) > 0 {
		names := make([]string, len(claims))
		for i, r := range claims {
			names[i] = r.String()
		}
		notes = append(notes, "kept, because they hold data: "+strings.Join(names, ", "))
	}
	if len(clusters) > 0 {
		notes = append(notes, fmt.Sprintf("not removed from former clusters: %s", strings.Join(clusters, ", ")))
	}
	s.note = s.clean(strings.Join(notes, "; "))
	if s.note != "" {
		s.logf("%s", s.note)
	}
}

// forgetStatuses shows that the objects and the values of Secrets are gone.
func (e *Executor) forgetStatuses(ctx context.Context, s *session) error {
	err := whileAway(ctx, func() error { return e.deps.Workflows.ClearStatuses(ctx, s.run.WorkflowID, kinds.TypeClaim) })
	if err != nil {
		return err
	}
	created := false
	for _, n := range s.workflow.Nodes {
		if n.Type == kinds.TypeSecret {
			e.storeStatus(ctx, s, n.ID, status.Removed(n.Type), &created)
		}
	}
	e.syncRemoved(ctx, s) // publishes them with those that are not stored
	return nil
}

// syncRemoved publishes the present statuses of the workflow. It gives nodes
// without a status one, because a page keeps the last status that it received.
func (e *Executor) syncRemoved(ctx context.Context, s *session) {
	w, err := e.deps.Workflows.Get(ctx, s.run.OwnerID, s.run.WorkflowID)
	if err == nil {
		for i, n := range w.Nodes {
			if n.Data[models.StatusKey] == nil {
				w.Nodes[i].Data = models.Data{models.StatusKey: status.Removed(n.Type)}
			}
		}
		err = e.deps.Events.Publish(models.WorkflowStream(w.ID), models.EventWorkflowSync, models.StatusesOf(w.Nodes))
	}
	if err != nil {
		e.deps.Log.WarnContext(ctx, "the end of a tear-down could not be published", "workflow", s.run.WorkflowID, "err", err)
	}
}
