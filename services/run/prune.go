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

// ownedObjects is what of a workflow is in its cluster by label.
type ownedObjects struct {
	refs []applier.Ref
	err  error // the list is not complete, so absence from it means nothing
}

// listOwned lists, in the background, what the workflow has of the given kinds
// and of those that it is known to have; the channel gives one answer.
func (e *Executor) listOwned(
	ctx context.Context, s *session, t clusterTarget, gvks ...schema.GroupVersionKind,
) <-chan ownedObjects {
	answer := make(chan ownedObjects, 1)
	inventory, err := e.deps.Workflows.Inventory(ctx, s.run.WorkflowID)
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
		owned.err = protect(func() error {
			found, err := t.ListOwned(ctx, distinct(gvks), applier.ListOptions{Namespaces: namespaces})
			owned.refs = refsOf(found)
			return err
		})
		answer <- owned
	})
	return answer
}

// refsOf names the objects that the workflow itself made. What a controller
// made of them goes with them, and a copy that somebody made of them, labels
// and all, is theirs.
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
	manager := applier.DefaultOptions(nil).Manager
	return slices.ContainsFunc(o.ManagedFields, func(f metav1.ManagedFieldsEntry) bool { return f.Manager == manager })
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

// prune deletes what the workflow has in the cluster and the drawing does not
// hold any more. Claims and Secrets are kept: what they hold cannot be had
// back. It runs only when every node was applied.
func (e *Executor) prune(ctx context.Context, s *session, t clusterTarget, owned ownedObjects) error {
	inventory, err := e.deps.Workflows.Inventory(ctx, s.run.WorkflowID)
	if err != nil {
		return err
	}
	if owned.err != nil {
		e.deps.Log.WarnContext(ctx, "objects of a workflow could not be listed", "workflow", s.run.WorkflowID, "err", owned.err)
		s.logf("could not look for objects that left the drawing: %s", models.MessageOf(asRunError(owned.err)))
	}
	here, elsewhere := split(inventory, s.run.Cluster)
	for _, cluster := range elsewhere {
		s.logf("objects that this workflow made in its former cluster %s are left there", cluster)
	}
	left := leftovers(append(owned.refs, refsIn(here)...), s.touched)
	kept, gone := partition(left, func(r applier.Ref) bool { return r.Kind == kindClaim || r.Kind == kindSecret })
	for _, ref := range kept {
		if slices.ContainsFunc(owned.refs, func(o applier.Ref) bool { return same(o, ref) }) {
			s.logf("%s left the drawing and is kept", ref)
		}
	}
	remaining, err := remove(ctx, s, t, gone)
	now := append(inventoryOf(s, append(s.touched, remaining...)), keepElsewhere(inventory, s.run.Cluster)...)
	if !sameObjects(now, inventory) {
		if serr := e.deps.Workflows.SetInventory(ctx, s.run.WorkflowID, now); serr != nil {
			return serr
		}
	}
	return err
}

// remove deletes refs, dependants first, and returns those that are still
// there.
func remove(ctx context.Context, s *session, t clusterTarget, refs []applier.Ref) (remaining []applier.Ref, err error) {
	var problems []string
	for _, group := range deletionGroups(refs) {
		for _, c := range t.Delete(ctx, group, applier.DeleteOptions{}) {
			switch c.Action {
			case applier.Failed:
				remaining = append(remaining, c.Ref)
				problems = append(problems, c.Message)
			case applier.Deleted:
				s.logf("%s: deleted", c.Ref)
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

// asRunError gives the text of a cluster's error, which is made for people.
func asRunError(err error) error {
	if _, ok := errors.AsType[*models.Error](err); ok {
		return err
	}
	return failure(kubernetes.Translate(err).Message)
}

// leftovers returns those of refs that are not wanted, each once.
func leftovers(refs, wanted []applier.Ref) []applier.Ref {
	seen := make(map[place]bool, len(refs)+len(wanted))
	for _, ref := range wanted {
		seen[placeOf(ref)] = true
	}
	var left []applier.Ref
	for _, ref := range refs {
		if p := placeOf(ref); !seen[p] {
			seen[p] = true
			left = append(left, ref)
		}
	}
	return left
}

func partition(refs []applier.Ref, first func(applier.Ref) bool) (a, b []applier.Ref) {
	for _, r := range refs {
		if first(r) {
			a = append(a, r)
		} else {
			b = append(b, r)
		}
	}
	return a, b
}
