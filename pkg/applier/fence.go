package applier

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// fenced reports whether only some namespaces may be touched.
func (a *Applier) fenced() bool { return len(a.opts.Namespaces) > 0 }

// within returns an error when ref, whose scope is resolved, may not be
// touched.
func (a *Applier) within(ref Ref) error {
	if !a.fenced() || slices.Contains(a.opts.Namespaces, ref.Namespace) {
		return nil
	}
	if ref.Namespace == "" {
		return invalidf(ref, "belongs to no namespace; only objects in namespace %s may be touched", a.bounds())
	}
	return invalidf(ref, "may not be touched; only objects in namespace %s may", a.bounds())
}

func (a *Applier) bounds() string { return strings.Join(a.opts.Namespaces, " or ") }

// Refusals returns, for each object, why it may not be touched where it would
// be in the cluster, or nil. An object whose place cannot be found out is not
// refused. Nothing is written.
func (a *Applier) Refusals(ctx context.Context, objects []*unstructured.Unstructured) []error {
	refusals := make([]error, len(objects))
	for i, o := range objects {
		if t, err := a.resolve(ctx, RefOf(o)); err == nil {
			refusals[i] = a.within(t.ref)
		}
	}
	return refusals
}
