package applier

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// DeleteOptions tune Delete.
type DeleteOptions struct {
	// Propagation tells what happens to dependents; "" means background.
	Propagation metav1.DeletionPropagation
	// Wait makes Delete return only after the objects have been deleted.
	Wait bool
	// Adopted deletes adopted objects, too.
	Adopted bool
	// UIDs are, by Ref.String, those of the only objects that are meant. Another
	// object of the same name is Skipped.
	UIDs map[string]types.UID
}

// Delete deletes objects, several at once, and returns one Change for each, in
// the order of refs. An adopted object is Released. An object that does not
// exist, or whose kind the cluster does not know, is Unchanged; one of another
// owner is Skipped and left alone.
func (a *Applier) Delete(ctx context.Context, refs []Ref, o DeleteOptions) []Change {
	if o.Propagation == "" {
		o.Propagation = metav1.DeletePropagationBackground
	}
	return a.forEachLive(ctx, refs, func(ctx context.Context, t *target, old *metav1.PartialObjectMetadata) (Change, error) {
		if want := o.UIDs[t.ref.String()]; want != "" && want != old.UID {
			return Change{Ref: t.ref, Action: Skipped, UID: old.UID, Message: t.ref.String() + " is another object now and was left alone"}, nil
		}
		if isAdopted(old) && !o.Adopted {
			return a.releaseOnce(ctx, t, old)
		}
		return a.deleteOnce(ctx, t, old, o)
	})
}

// Release gives the adopted ones among the objects up: our labels, annotations
// and field ownership go, the objects stay. Others are Unchanged.
func (a *Applier) Release(ctx context.Context, refs []Ref) []Change {
	return a.forEachLive(ctx, refs, func(ctx context.Context, t *target, old *metav1.PartialObjectMetadata) (Change, error) {
		if !isAdopted(old) {
			return Change{Ref: t.ref, Action: Unchanged, UID: old.UID}, nil
		}
		return a.releaseOnce(ctx, t, old)
	})
}

// forEachLive calls work with the live object of each ref that is ours, again
// while the failure may pass.
func (a *Applier) forEachLive(
	ctx context.Context, refs []Ref, work func(context.Context, *target, *metav1.PartialObjectMetadata) (Change, error),
) []Change {
	return a.forEach(ctx, refs, func(i int) Change {
		ctx, cancel := context.WithTimeout(ctx, a.opts.Timeout)
		defer cancel()
		t, err := a.locate(ctx, refs[i])
		if kubernetes.ReasonOf(err) == kubernetes.UnknownKind {
			return Change{Ref: refs[i], Action: Unchanged, Message: refs[i].String() + " is not there"}
		}
		if err != nil {
			return failed(refs[i], err)
		}
		var c Change
		if err := retry(ctx, func() (err error) {
			c, err = a.onLive(ctx, t, work)
			return a.conn.Err(err)
		}); err != nil {
			return failed(t.ref, err)
		}
		return c
	}, nil)
}

func (a *Applier) onLive(
	ctx context.Context, t *target, work func(context.Context, *target, *metav1.PartialObjectMetadata) (Change, error),
) (Change, error) {
	old, err := t.get(ctx)
	switch {
	case err != nil:
		return Change{}, err
	case old == nil:
		return Change{Ref: t.ref, Action: Unchanged, Message: t.ref.String() + " is not there"}, nil
	case !a.owns(old.Labels):
		msg := t.ref.String() + " belongs to " + a.ownerOf(old) + " and was left alone"
		return Change{Ref: t.ref, Action: Skipped, UID: old.UID, Message: msg}, nil
	}
	return work(ctx, t, old)
}

func (a *Applier) deleteOnce(
	ctx context.Context, t *target, old *metav1.PartialObjectMetadata, o DeleteOptions,
) (Change, error) {
	c := Change{Ref: t.ref, Action: Deleted}
	if a.opts.DryRun {
		return c, nil
	}
	c.UID = old.UID
	if err := a.delete(ctx, t, old, o.Propagation, o.Adopted); err != nil {
		return c, err
	}
	if o.Wait {
		return c, t.waitDeleted(ctx, old)
	}
	return c, nil
}

func (a *Applier) releaseOnce(ctx context.Context, t *target, old *metav1.PartialObjectMetadata) (Change, error) {
	c := Change{Ref: t.ref, Action: Released, UID: old.UID, Message: "it was there before and stays"}
	if a.opts.DryRun {
		return c, nil
	}
	return c, a.release(ctx, t, old)
}
