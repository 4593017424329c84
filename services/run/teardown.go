package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// tearDown deletes the workflow's objects in the reverse order of applying, and then
// those in former clusters, also where its cluster is gone.
func (e *Executor) tearDown(ctx context.Context, s *session) error {
	inventory, err := e.inventory(ctx, s)
	if err != nil {
		return err
	}
	now, elsewhere, err := e.tearDownHere(ctx, s, inventory)
	former := e.cleanFormer(ctx, s, elsewhere)
	s.noteKept(append(slices.Clone(now), former...))
	if serr := e.setInventory(ctx, s, append(now, former...)); serr != nil {
		return errors.Join(err, serr)
	}
	if err != nil {
		return err
	}
	return e.forgetStatuses(ctx, s)
}

// tearDownHere deletes the objects in the cluster of the workflow. It returns what
// remains there, and what is in former clusters.
func (e *Executor) tearDownHere(
	ctx context.Context, s *session, inventory []models.OwnedObject,
) (remaining, elsewhere []models.OwnedObject, err error) {
	s.logf("removing the workflow's objects from cluster %s", s.run.Cluster)
	remaining, elsewhere = splitByPlace(inventory, s.place())
	t, err := e.openTarget(ctx, s)
	if err != nil {
		return remaining, elsewhere, err
	}
	remaining, elsewhere = splitByPlace(inventory, s.place())
	owned := <-e.listOwned(ctx, s, t, builtinKinds()...)
	if owned.err != nil {
		return remaining, elsewhere, clusterFailure(owned.err)
	}
	kept, gone, elsewhere := leaving(s.place(), owned.refs, inventory, nil)
	claims, gone := s.withoutSecrets(kept, gone)
	left, err := remove(ctx, s, t, gone, applier.DeleteOptions{Adopted: s.run.DeleteAdopted})
	remaining = append(keep(ctx, s, t, s.place(), claims, inventory, models.KeptArchived), objectsAt(s.place(), left)...)
	return remaining, notSeen(elsewhere, owned), err
}

// noteKept tells the person who archived the workflow what is left of it.
func (s *session) noteKept(remaining []models.OwnedObject) {
	var names, notes []string
	var pending []models.OwnedObject
	for _, o := range remaining {
		if o.Kept.IsZero() {
			pending = append(pending, o)
		} else {
			names = append(names, fmt.Sprintf("%s %s/%s", o.Kind, o.Namespace, o.Name))
		}
	}
	if len(names) > 0 {
		notes = append(notes, "kept, because they hold data: "+strings.Join(names, ", "))
	}
	if _, elsewhere := splitByPlace(pending, s.place()); len(elsewhere) > 0 {
		notes = append(notes, "not removed from former clusters: "+strings.Join(clustersOf(elsewhere), ", "))
	}
	if len(s.valuesGone) > 0 {
		notes = append(notes, "removed with their values, which have to be typed again: Secret "+strings.Join(s.valuesGone, ", "))
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
