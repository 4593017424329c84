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
	for _, cluster := range clustersOf(elsewhere) {
		s.logf("objects that this workflow made in its former cluster %s are left there", cluster)
	}
	for _, ref := range release(ctx, s, t, kept) {
		if slices.ContainsFunc(owned.refs, func(o applier.Ref) bool { return sameObject(o, ref) }) {
			s.logf("%s left the drawing and is kept", ref)
		}
	}
	remaining, err := remove(ctx, s, t, gone, applier.DeleteOptions{})
	now := append(inventoryOf(s, append(s.touched, remaining...)), elsewhere...)
	if !sameObjects(now, inventory) {
		if serr := e.setInventory(ctx, s, now); serr != nil {
			return serr
		}
	}
	return err
}

// release gives up the adopted ones among refs and returns the others.
func release(ctx context.Context, s *session, t clusterTarget, refs []applier.Ref) (ours []applier.Ref) {
	for _, c := range t.Release(ctx, refs) {
		switch c.Action {
		case applier.Released:
			s.logf("%s: released, %s", c.Ref, c.Message)
		case applier.Failed:
			s.logf("could not be released: %s", c.Message)
			fallthrough
		default:
			ours = append(ours, c.Ref)
		}
	}
	return ours
}

// remove deletes refs, dependants first, and returns those that remain ours.
func remove(
	ctx context.Context, s *session, t clusterTarget, refs []applier.Ref, o applier.DeleteOptions,
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
	return failure(kubernetes.Translate(err).Message)
}
