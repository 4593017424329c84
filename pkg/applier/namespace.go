package applier

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// EnsureNamespaces creates those of the namespaces that are missing, with the
// given labels, and returns one Change for each distinct name, sorted. Those
// that exist are left as they are, whoever they belong to. A namespace that
// the credentials may not look at is taken to exist. Within Options.Namespaces
// none is created.
func (a *Applier) EnsureNamespaces(ctx context.Context, names []string, labels map[string]string) []Change {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	changes := make([]Change, len(names))
	var group errgroup.Group
	group.SetLimit(max(1, a.opts.Workers))
	for i, name := range names {
		group.Go(func() error {
			changes[i] = a.guarded(namespaceRef(name), func() Change { return a.ensureNamespace(ctx, name, labels) })()
			return nil
		})
	}
	_ = group.Wait() // failures are in the changes
	return changes
}

func namespaceRef(name string) Ref {
	return Ref{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, Name: name}
}

func (a *Applier) ensureNamespace(ctx context.Context, name string, labels map[string]string) Change {
	ctx, cancel := context.WithTimeout(ctx, a.opts.Timeout)
	defer cancel()
	ref := namespaceRef(name)
	if err := a.within(Ref{Namespace: name}); err != nil {
		return failed(ref, invalidf(ref, "is out of bounds; only namespace %s may be touched", a.bounds()))
	}
	t, err := a.resolve(ctx, ref)
	if err != nil {
		return failed(ref, err)
	}
	c := Change{Ref: ref, Action: Unchanged}
	err = retry(ctx, func() error {
		old, err := t.get(ctx)
		switch {
		case kubernetes.ReasonOf(err) == kubernetes.Forbidden:
			return nil // whoever may only work inside it may still do that
		case err != nil:
			return a.conn.Err(err)
		case old == nil && a.fenced():
			return invalidf(ref, "does not exist, and it may not be created by whoever may touch certain namespaces only")
		case old == nil:
			c, err = a.createNamespace(ctx, ref, labels)
			return a.conn.Err(err)
		case old.DeletionTimestamp != nil:
			return conflictf(ref, "is being deleted; run again when it is gone")
		}
		c.UID, c.ResourceVersion = old.UID, old.ResourceVersion
		return nil
	})
	if err != nil {
		return failed(ref, err)
	}
	return c
}

func (a *Applier) createNamespace(ctx context.Context, ref Ref, labels map[string]string) (Change, error) {
	o := metav1.CreateOptions{FieldManager: a.opts.Manager}
	if a.opts.DryRun {
		o.DryRun = []string{metav1.DryRunAll}
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ref.Name, Labels: labels}}
	made, err := a.conn.Typed().CoreV1().Namespaces().Create(ctx, ns, o)
	switch kubernetes.ReasonOf(err) {
	case "":
		return Change{Ref: ref, Action: Created, UID: made.UID, ResourceVersion: made.ResourceVersion}, nil
	case kubernetes.Exists: // somebody was faster
		return Change{Ref: ref, Action: Unchanged}, nil
	case kubernetes.Forbidden:
		return Change{}, &kubernetes.Error{
			Reason:  kubernetes.Forbidden,
			Message: ref.String() + " does not exist and the cluster's credentials do not permit to create it",
			Err:     err,
		}
	default:
		return Change{}, err
	}
}
