package applier

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// EnsureNamespaces creates the missing namespaces with the given labels and
// returns one Change for each distinct name, sorted. It leaves existing
// namespaces as they are, whoever owns them, and takes a namespace that the
// credentials may not read to exist. An applier that is restricted to
// Options.Namespaces creates none.
func (a *Applier) EnsureNamespaces(ctx context.Context, names []string, labels map[string]string) []Change {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	refs := make([]Ref, len(names))
	for i, name := range names {
		refs[i] = namespaceRef(name)
	}
	return a.forEach(ctx, refs, func(i int) Change { return a.ensureNamespace(ctx, refs[i], labels) }, nil)
}

func namespaceRef(name string) Ref {
	return Ref{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, Name: name}
}

func (a *Applier) ensureNamespace(ctx context.Context, ref Ref, labels map[string]string) Change {
	ctx, cancel := context.WithTimeout(ctx, a.opts.Timeout)
	defer cancel()
	if err := a.checkNamespace(Ref{Namespace: ref.Name}); err != nil {
		return failed(ref, invalidf(ref, "is out of bounds; only namespace %s may be touched", a.allowedNamespaces()))
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
			return nil // the credentials may still allow work inside it
		case err != nil:
			return a.conn.Err(err)
		case old == nil && a.restricted():
			return invalidf(ref, "does not exist and may not be created, since only certain namespaces may be touched")
		case old == nil:
			c, err = a.makeNamespace(ctx, ref, labels)
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

func (a *Applier) makeNamespace(ctx context.Context, ref Ref, labels map[string]string) (Change, error) {
	made, err := a.createNamespace(ctx, ref, labels)
	switch kubernetes.ReasonOf(err) {
	case "":
		return Change{Ref: ref, Action: Created, UID: made.UID, ResourceVersion: made.ResourceVersion}, nil
	case kubernetes.Exists: // another client was faster
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

// restricted reports whether Options.Namespaces restricts the applier.
func (a *Applier) restricted() bool { return len(a.opts.Namespaces) > 0 }

// checkNamespace returns an error when Options.Namespaces does not allow ref,
// whose scope must be resolved.
func (a *Applier) checkNamespace(ref Ref) error {
	if !a.restricted() || slices.Contains(a.opts.Namespaces, ref.Namespace) {
		return nil
	}
	if ref.Namespace == "" {
		return invalidf(ref, "belongs to no namespace; only objects in namespace %s may be touched", a.allowedNamespaces())
	}
	return invalidf(ref, "may not be touched; only objects in namespace %s may", a.allowedNamespaces())
}

func (a *Applier) allowedNamespaces() string { return strings.Join(a.opts.Namespaces, " or ") }

// Refusals returns for each object why Options.Namespaces does not allow it, or
// nil. An object whose scope cannot be found out is allowed here. It writes
// nothing.
func (a *Applier) Refusals(ctx context.Context, objects []*unstructured.Unstructured) []error {
	refusals := make([]error, len(objects))
	for i, o := range objects {
		if t, err := a.resolve(ctx, RefOf(o)); err == nil {
			refusals[i] = a.checkNamespace(t.ref)
		}
	}
	return refusals
}
