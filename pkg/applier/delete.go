package applier

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// DeleteOptions tune Delete.
type DeleteOptions struct {
	// Propagation says what happens to dependants; "" means background.
	Propagation metav1.DeletionPropagation
	// Wait returns only when the objects are no more.
	Wait bool
}

// Delete removes objects, several at once, and returns one Change for each,
// in the order of refs. What is not there, or not known to the cluster, is
// Unchanged; what belongs to somebody else is Skipped and left alone.
func (a *Applier) Delete(ctx context.Context, refs []Ref, o DeleteOptions) []Change {
	if o.Propagation == "" {
		o.Propagation = metav1.DeletePropagationBackground
	}
	var w wave
	changes := make([]Change, len(refs))
	var group errgroup.Group
	group.SetLimit(max(1, a.opts.Workers))
	for i, ref := range refs {
		group.Go(func() error {
			changes[i] = w.guard(ctx, ref, a.guarded(ref, func() Change { return a.deleteOne(ctx, ref, o) }))
			return nil
		})
	}
	_ = group.Wait() // failures are in the changes
	return changes
}

func (a *Applier) deleteOne(ctx context.Context, ref Ref, o DeleteOptions) Change {
	ctx, cancel := context.WithTimeout(ctx, a.opts.Timeout)
	defer cancel()
	t, err := a.locate(ctx, ref)
	if kubernetes.ReasonOf(err) == kubernetes.UnknownKind {
		return Change{Ref: ref, Action: Unchanged, Message: ref.String() + " is not there"}
	}
	if err != nil {
		return failed(ref, err)
	}
	var c Change
	if err := retry(ctx, func() (err error) {
		c, err = a.takeAway(ctx, t, o)
		return a.conn.Err(err)
	}); err != nil {
		return failed(t.ref, err)
	}
	return c
}

func (a *Applier) takeAway(ctx context.Context, t *target, o DeleteOptions) (Change, error) {
	c := Change{Ref: t.ref, Action: Deleted}
	old, err := t.get(ctx)
	switch {
	case err != nil:
		return c, err
	case old == nil:
		return Change{Ref: t.ref, Action: Unchanged, Message: t.ref.String() + " is not there"}, nil
	case !a.owns(old.Labels):
		msg := t.ref.String() + " belongs to " + a.ownerOf(old) + " and was left alone"
		return Change{Ref: t.ref, Action: Skipped, UID: old.UID, Message: msg}, nil
	case a.opts.DryRun:
		return c, nil
	}
	c.UID = old.UID
	if err := t.remove(ctx, old, o.Propagation); err != nil {
		return c, err
	}
	if o.Wait {
		return c, t.gone(ctx, old.UID)
	}
	return c, nil
}

// ListOptions tune ListOwned.
type ListOptions struct {
	Selector   string   // labels, beyond those of the owner
	Namespaces []string // where to look when the cluster forbids to look everywhere
}

// ListOwned returns the metadata of all objects of the given kinds that carry
// the owner's labels, in the order of gvks, with their kind filled in. Kinds
// that the cluster does not know are left out. Any other failure ends it, so
// that a list with holes is never taken for the whole.
func (a *Applier) ListOwned(ctx context.Context, gvks []schema.GroupVersionKind, o ListOptions) ([]metav1.PartialObjectMetadata, error) {
	var mu sync.Mutex
	found := make(map[schema.GroupVersionKind][]metav1.PartialObjectMetadata, len(gvks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, a.opts.Workers))
	for _, gvk := range gvks {
		group.Go(func() error {
			var list []metav1.PartialObjectMetadata
			err := a.protect(func() (err error) { list, err = a.listKind(ctx, gvk, o); return err })
			mu.Lock()
			defer mu.Unlock()
			found[gvk] = list
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, a.conn.Err(err)
	}
	var all []metav1.PartialObjectMetadata
	for _, gvk := range gvks {
		all = append(all, found[gvk]...)
		delete(found, gvk) // a kind named twice is listed once
	}
	return all, nil
}
