package run

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
)

// forgotten is what becomes of a leftover that is struck from the record.
const forgotten = "forgotten"

// RemoveLeftovers removes objects that Leftovers lists, and no others: none that is
// not the workflow's any more, and none that was made again since. It takes the lock of
// the workflow, so that no run applies meanwhile what goes, and continues in the
// background after Options.AnswerAfter.
func (e *Executor) RemoveLeftovers(ctx context.Context, owner, id string, in models.LeftoverRemoval) (models.LeftoverResult, error) {
	b, err := e.deps.Workflows.Belongings(ctx, owner, id)
	if err != nil {
		return models.LeftoverResult{}, err
	}
	chosen, problems := choose(b.Leftovers(), in.Objects)
	if err := problems.Err("run.Executor.RemoveLeftovers"); err != nil {
		return models.LeftoverResult{}, err
	}
	run := e.newRun(models.Workflow{ID: id, OwnerID: owner, ClusterID: b.ClusterID, ClusterRef: b.ClusterRef}, models.RunCleanUp)
	run.TriggeredBy, run.TriggerData = models.TriggeredByCleanUp, startedBy(ctx, owner)
	noteRun(ctx, run)
	noteLeftovers(ctx, chosen)
	s := newSession(run, nil, models.TriggerData{}, e.now)
	s.workflow.Name = b.Name
	work := func(ctx context.Context, s *session) error {
		return e.removeLeftovers(ctx, s, chosen, drawnUIDs(b), in)
	}
	if err := e.begin(ctx, s, work); err != nil {
		return models.LeftoverResult{}, err
	}
	done, err := e.await(ctx, s, e.opts.AnswerAfter)
	s.mu.Lock()
	defer s.mu.Unlock()
	return models.LeftoverResult{RunID: run.ID, Status: done.Status, Error: done.Error, Objects: append([]models.ObjectChange{}, s.cleaned...)}, err
}

// choose returns the leftovers that names name, with the uid that they give.
func choose(left []models.OwnedObject, names []models.LeftoverName) (chosen []models.OwnedObject, problems models.Problems) {
	for i, n := range names {
		var found []models.OwnedObject
		for _, o := range left {
			if n.Names(o) {
				found = append(found, o)
			}
		}
		switch len(found) {
		case 0:
			problems.Addf(fmt.Sprintf("objects[%d]", i), "%s %s/%s is no leftover of this workflow", n.Kind, n.Namespace, n.Name)
		case 1:
			if n.UID != "" {
				found[0].Kept.UID = n.UID
			}
			chosen = append(chosen, found[0])
		default:
			problems.Addf(fmt.Sprintf("objects[%d]", i), "%s %s/%s names %d leftovers; add cluster_ref", n.Kind, n.Namespace, n.Name, len(found))
		}
	}
	return union(chosen, nil), problems
}

// noteLeftovers adds the names of what is removed to the audit entry.
func noteLeftovers(ctx context.Context, chosen []models.OwnedObject) {
	const shown = 50
	names := make([]string, 0, shown)
	for i, o := range chosen {
		if i == shown {
			names = append(names, fmt.Sprintf("and %d more", len(chosen)-shown))
			break
		}
		names = append(names, fmt.Sprintf("%s %s/%s in %s", o.Kind, o.Namespace, o.Name, o.Cluster))
	}
	models.NoteForAudit(ctx, "objects", strings.Join(names, ", "))
}

// removeLeftovers removes chosen, one cluster after the other, and strikes from the
// inventory what is gone.
func (e *Executor) removeLeftovers(ctx context.Context, s *session, chosen []models.OwnedObject, drawn map[string]bool, in models.LeftoverRemoval) error {
	gone := map[models.OwnedObject]bool{}
	failed := 0
	for len(chosen) > 0 {
		at := place{chosen[0].Cluster, chosen[0].ClusterRef}
		there, others := splitByPlace(chosen, at)
		chosen = others
		for i, c := range e.removeAt(ctx, s, at, there, drawn, in) {
			if c.Action == string(applier.Failed) {
				failed++
			} else if c.Action != string(applier.Skipped) {
				gone[identity(there[i])] = true
			}
			s.noteCleaned(c)
		}
	}
	inventory, err := e.inventory(ctx, s)
	if err != nil {
		return err
	}
	var now []models.OwnedObject
	for _, o := range inventory {
		if !gone[identity(o)] {
			now = append(now, o)
		}
	}
	if err := e.setInventory(ctx, s, now); err != nil {
		return err
	}
	if failed > 0 {
		return failure(fmt.Sprintf("%d leftovers could not be removed", failed))
	}
	return nil
}

// identity is o without what is known of it.
func identity(o models.OwnedObject) models.OwnedObject {
	o.Kept, o.Applied = models.Kept{}, models.Applied{}
	return o
}

// noteCleaned records what became of a leftover.
func (s *session) noteCleaned(c models.ObjectChange) {
	c.Message = s.clean(c.Message)
	text := c.Action
	if c.Message != "" {
		text += ", " + c.Message
	}
	s.logf("%s %s/%s: %s", c.Kind, c.Namespace, c.Name, text)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleaned = append(s.cleaned, c)
}

// removeAt removes objects in one cluster, and returns what became of each.
func (e *Executor) removeAt(
	ctx context.Context, s *session, at place, objects []models.OwnedObject, drawn map[string]bool, in models.LeftoverRemoval,
) []models.ObjectChange {
	changes := make([]models.ObjectChange, len(objects))
	for i, o := range objects {
		changes[i] = models.ObjectChange{APIVersion: o.APIVersion, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, Action: forgotten}
	}
	if in.Forget {
		return changes
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t, err := e.formerTarget(ctx, cancel, s.run, at)
	var owned ownedObjects
	if err == nil {
		owned, err = listAt(ctx, t, objects)
	}
	if err != nil {
		for i := range changes {
			changes[i].Action, changes[i].Message = string(applier.Failed), models.MessageOf(clusterFailure(err))
		}
		return changes
	}
	uses, _ := t.ClaimUses(ctx, namespacesOfClaims(objects)) // only for what is said
	refs, opts := refsIn(objects), applier.DeleteOptions{Adopted: in.DeleteAdopted, UIDs: map[string]types.UID{}}
	index := map[objectKey]int{}
	for i, r := range refs {
		index[keyOf(r)] = i
		opts.UIDs[r.String()] = types.UID(objects[i].Kept.UID)
		changes[i].Action, changes[i].Message = string(applier.Unchanged), "it is not there any more, or not this workflow's"
	}
	for _, group := range deletionGroups(removable(owned, refs, drawn, changes)) {
		for _, c := range t.Delete(ctx, group, opts) {
			one := &changes[index[keyOf(c.Ref)]]
			one.Action, one.Message = string(c.Action), c.Message
			if pods := uses[c.Ref.String()].Pods; c.Action == applier.Deleted && len(pods) > 0 {
				one.Message = "it goes when the pods that mount it have ended: " + strings.Join(pods, ", ")
			}
		}
	}
	return changes
}

// removable returns those of refs that are there. Of those that the drawing holds
// through another registration of the same cluster it says so in changes.
func removable(owned ownedObjects, refs []applier.Ref, drawn map[string]bool, changes []models.ObjectChange) (there []applier.Ref) {
	inUse := map[objectKey]bool{}
	for i := range owned.objects {
		o := &owned.objects[i]
		inUse[objectKey{o.GroupVersionKind().Group, o.Kind, o.Namespace, o.Name}] = drawn[string(o.UID)]
	}
	present := map[objectKey]bool{}
	for _, r := range owned.refs {
		present[keyOf(r)] = true
	}
	for i, r := range refs {
		switch {
		case inUse[keyOf(r)]:
			changes[i].Action, changes[i].Message = string(applier.Skipped), "the drawing holds it, by another registration of the same cluster"
		case present[keyOf(r)]:
			there = append(there, r)
		}
	}
	return there
}

// drawnUIDs returns the uids of the objects that the workflow needs.
func drawnUIDs(b models.Belongings) map[string]bool {
	uids := map[string]bool{}
	for _, o := range b.Objects {
		uids[o.Applied.UID] = true
	}
	for _, o := range b.Leftovers() {
		if o.IsIn(b.ClusterID, b.ClusterRef) {
			delete(uids, o.Applied.UID)
		}
	}
	delete(uids, "")
	return uids
}
