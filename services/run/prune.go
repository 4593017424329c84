package run

import (
	"context"
	"errors"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/pkg/kubernetes"
)

// ownedObjects are the objects with a workflow's label in its cluster.
type ownedObjects struct {
	refs    []applier.Ref // of those that runs wrote
	objects []metav1.PartialObjectMetadata
	err     error // why they are incomplete
}

// listOwned lists in the background the workflow's objects of the given kinds
// and of the kinds in its inventory and plan. The channel receives one answer.
func (e *Executor) listOwned(
	ctx context.Context, s *session, t clusterTarget, gvks ...schema.GroupVersionKind,
) <-chan ownedObjects {
	answer := make(chan ownedObjects, 1)
	inventory, err := e.inventory(ctx, s)
	if err != nil {
		answer <- ownedObjects{err: err}
		return answer
	}
	var namespaces []string
	for _, o := range union(inventory, planned(s)) {
		gvks = append(gvks, schema.FromAPIVersionAndKind(o.APIVersion, o.Kind))
		namespaces = append(namespaces, o.Namespace)
	}
	slices.Sort(namespaces)
	namespaces = slices.DeleteFunc(slices.Compact(namespaces), func(ns string) bool { return ns == "" })
	e.working.Go(func() {
		var owned ownedObjects
		owned.err = recovered(func() error {
			found, err := t.ListOwned(ctx, distinct(gvks), applier.ListOptions{Namespaces: namespaces})
			owned.refs, owned.objects = refsOf(found), found
			return err
		})
		answer <- owned
	})
	return answer
}

// refsOf names the objects that a run wrote. Controllers delete what they made of
// them, and copies that people made with the same labels belong to those people.
func refsOf(list []metav1.PartialObjectMetadata) []applier.Ref {
	var refs []applier.Ref
	for i := range list {
		o := &list[i]
		if metav1.GetControllerOf(o) == nil && o.DeletionTimestamp == nil && applied(o) {
			refs = append(refs, applier.Ref{GroupVersionKind: o.GroupVersionKind(), Namespace: o.Namespace, Name: o.Name})
		}
	}
	return refs
}

// applied reports whether a run wrote the object.
func applied(o *metav1.PartialObjectMetadata) bool {
	base := applier.DefaultOptions(nil).Manager
	return slices.ContainsFunc(o.ManagedFields, func(f metav1.ManagedFieldsEntry) bool { return applier.IsManager(base, f.Manager) })
}

func distinct(gvks []schema.GroupVersionKind) []schema.GroupVersionKind {
	var out []schema.GroupVersionKind
	seen := map[schema.GroupKind]bool{}
	for _, gvk := range gvks {
		if !seen[gvk.GroupKind()] {
			seen[gvk.GroupKind()] = true
			out = append(out, gvk)
		}
	}
	return out
}

// prune deletes the workflow's objects that left the drawing, and releases those
// that it had adopted. Claims and Secrets are kept, because their content cannot
// be restored. It runs only after every node was applied.
func (e *Executor) prune(ctx context.Context, s *session, t clusterTarget, owned ownedObjects) error {
	inventory, err := e.inventory(ctx, s)
	if err != nil {
		return err
	}
	if owned.err != nil {
		e.deps.Log.WarnContext(ctx, "objects of a workflow could not be listed", "workflow", s.run.WorkflowID, "err", owned.err)
		s.logf("could not look for objects that left the drawing: %s", models.MessageOf(clusterFailure(owned.err)))
	}
	kept, gone, elsewhere := leaving(s.place(), owned.refs, inventory, s.touched)
	now := keep(ctx, s, t, s.place(), kept, inventory, models.KeptLeft)
	for _, o := range now {
		s.logf("%s %s/%s left the drawing and is kept", o.Kind, o.Namespace, o.Name)
	}
	gone, outside := s.withinGrant(gone, inventory)
	for _, o := range outside {
		s.logf("%s %s/%s left the drawing and stays: %s", o.Kind, o.Namespace, o.Name, o.Kept.Reason)
	}
	remaining, err := remove(ctx, s, t, gone, applier.DeleteOptions{})
	now = slices.Concat(now, outside, inventoryOf(s, append(s.touched, remaining...)), e.cleanFormer(ctx, s, notSeen(elsewhere, owned)))
	if !sameObjects(now, inventory) {
		if serr := e.setInventory(ctx, s, now); serr != nil {
			return serr
		}
	}
	return err
}

// withinGrant returns the refs that the owner of the workflow may remove in the present
// cluster, and the others as they are kept: a share may have become narrower.
func (s *session) withinGrant(refs []applier.Ref, before []models.OwnedObject) (may []applier.Ref, outside []models.OwnedObject) {
	may, others := partition(refs, func(r applier.Ref) bool { return s.grant == nil || s.grant.Covers(r.Namespace) })
	outside = objectsAt(s.place(), others)
	known := keptMarks(s.place(), before)
	for i, r := range others {
		if outside[i].Kept = known[keyOf(r)]; outside[i].Kept.IsZero() {
			outside[i].Kept = models.Kept{Reason: models.KeptOutside, Since: s.now()}
		}
	}
	return may, outside
}

// keptMarks returns why the objects at a place are kept, as the inventory says.
func keptMarks(at place, inventory []models.OwnedObject) map[objectKey]models.Kept {
	found := map[objectKey]models.Kept{}
	here, _ := splitByPlace(inventory, at)
	for i, r := range refsIn(here) {
		found[keyOf(r)] = here[i].Kept
	}
	return found
}

// keep releases the adopted ones among refs, and returns those that stay ours as they
// are kept in the inventory. What before says of one stays.
func keep(
	ctx context.Context, s *session, t targetWriter, at place, refs []applier.Ref, before []models.OwnedObject, reason string,
) (kept []models.OwnedObject) {
	known := keptMarks(at, before)
	for _, c := range t.Release(ctx, refs) {
		mark := known[keyOf(c.Ref)]
		if mark.IsZero() {
			mark = models.Kept{Reason: reason, Since: s.now(), UID: string(c.UID)}
		}
		switch {
		case c.Action == applier.Released:
			s.logf("%s: released, %s", c.Ref, c.Message)
			continue
		case c.Action == applier.Failed:
			s.logf("could not be released: %s", c.Message)
		case c.UID == "" || c.Action == applier.Skipped: // it is gone, or somebody else's
			continue
		}
		apiVersion, kind := c.ToAPIVersionAndKind()
		kept = append(kept, models.OwnedObject{
			Cluster: at.name, ClusterRef: at.id, APIVersion: apiVersion, Kind: kind, Namespace: c.Namespace, Name: c.Name, Kept: mark,
		})
	}
	return kept
}

// remove deletes refs, dependants first, and returns those that remain ours.
func remove(
	ctx context.Context, s *session, t targetWriter, refs []applier.Ref, o applier.DeleteOptions,
) (remaining []applier.Ref, err error) {
	var problems []string
	for _, group := range deletionGroups(refs) {
		for _, c := range t.Delete(ctx, group, o) {
			switch c.Action {
			case applier.Failed:
				remaining = append(remaining, c.Ref)
				problems = append(problems, c.Message)
			case applier.Deleted:
				s.logf("%s: deleted", c.Ref)
				if c.Kind == kindSecret {
					s.valuesGone = append(s.valuesGone, c.Namespace+"/"+c.Name)
				}
			case applier.Released:
				s.logf("%s: released, %s", c.Ref, c.Message)
			case applier.Skipped:
				s.logf("%s", c.Message)
			default:
			}
		}
	}
	if len(problems) > 0 {
		return remaining, failure("some objects could not be removed: " + strings.Join(problems, "; "))
	}
	return nil, nil
}

// clusterFailure returns an error with the text for people of a cluster's error.
func clusterFailure(err error) error {
	if _, ok := errors.AsType[*models.Error](err); ok {
		return err
	}
	if _, ok := errors.AsType[failure](err); ok {
		return err
	}
	return failure(kubernetes.Translate(err).Message)
}
