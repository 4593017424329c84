package applier

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// DeleteOptions tune Delete.
type DeleteOptions struct {
	// Propagation tells what happens to dependents; "" means background.
	Propagation metav1.DeletionPropagation
	// Wait makes Delete return only after the objects have been deleted.
	Wait bool
}

// Delete deletes objects, several at once, and returns one Change for each, in
// the order of refs. An object that does not exist, or whose kind the cluster
// does not know, is Unchanged; one of another owner is Skipped and left alone.
func (a *Applier) Delete(ctx context.Context, refs []Ref, o DeleteOptions) []Change {
	if o.Propagation == "" {
		o.Propagation = metav1.DeletePropagationBackground
	}
	return a.forEach(ctx, refs, func(i int) Change { return a.deleteOne(ctx, refs[i], o) }, nil)
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
		c, err = a.deleteOnce(ctx, t, o)
		return a.conn.Err(err)
	}); err != nil {
		return failed(t.ref, err)
	}
	return c
}

func (a *Applier) deleteOnce(ctx context.Context, t *target, o DeleteOptions) (Change, error) {
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
	if err := t.delete(ctx, old, o.Propagation); err != nil {
		return c, err
	}
	if o.Wait {
		return c, t.waitDeleted(ctx, old.UID)
	}
	return c, nil
}
