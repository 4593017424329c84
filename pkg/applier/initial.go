package applier

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clientretry "k8s.io/client-go/util/retry"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Initial is a field that something else in the cluster decides once the object
// exists, such as the replicas of a workload that has an autoscaler. An object
// that is created starts with Value; an existing one keeps what it has.
type Initial struct {
	Path  []string // of maps only
	Value any      // nil: the API server's default
}

// initialManager is the field manager of fields that were given up. The API
// server would set a field to its default when its last manager leaves it out
// of an apply, so ownership is transferred before: see "Transferring ownership"
// in the Kubernetes documentation of server-side apply.
func (a *Applier) initialManager() string { return a.opts.Manager + initialSuffix }

// createWithInitial creates t's object with its initial values and gives these
// up at once, so that the next run finds nothing to do.
func (a *Applier) createWithInitial(ctx context.Context, t *target, fields []Initial) (Change, error) {
	if len(fields) == 0 {
		return a.create(ctx, t)
	}
	whole := *t
	whole.object = t.object.DeepCopy()
	for _, f := range fields {
		if f.Value == nil {
			continue
		}
		if err := unstructured.SetNestedField(whole.object.Object, f.Value, f.Path...); err != nil {
			return Change{}, err
		}
	}
	c, err := a.create(ctx, &whole)
	if err != nil || a.opts.DryRun {
		return c, err
	}
	if err := a.giveUp(ctx, t, fields, false); err != nil {
		return c, err
	}
	made, err := t.get(ctx)
	if err != nil || made == nil {
		return c, err
	}
	now, err := a.update(ctx, t, made, false)
	if err == nil {
		c.ResourceVersion, c.Fields = now.ResourceVersion, FieldsHash(a.opts.Manager, now)
	}
	return c, err
}

// giveUpOwned gives up those of fields that old says an applier owns.
func (a *Applier) giveUpOwned(
	ctx context.Context, t *target, old *metav1.PartialObjectMetadata, fields []Initial, adopt bool,
) error {
	owned := slices.DeleteFunc(slices.Clone(fields), func(f Initial) bool {
		return !slices.ContainsFunc(a.appliedBy(old), func(manager string) bool { return applies(old, manager, f.Path) })
	})
	switch {
	case len(owned) == 0:
		return nil
	case a.opts.DryRun:
		return t.keepValues(ctx, owned)
	}
	return a.giveUp(ctx, t, owned, adopt)
}

// giveUp makes initialManager an owner of the fields at the values that they
// have.
func (a *Applier) giveUp(ctx context.Context, t *target, fields []Initial, adopt bool) error {
	// The version in part keeps a value from being set back that something else
	// has changed since it was read.
	return clientretry.RetryOnConflict(clientretry.DefaultBackoff, func() error {
		live, err := t.full.Get(ctx, t.ref.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return a.claim(ctx, t, live, adopt, partWith(live, fields), a.initialManager())
	})
}

// partWith returns what an apply needs to set fields to the values that they
// have in live, if it is still the same version.
func partWith(live *unstructured.Unstructured, fields []Initial) *unstructured.Unstructured {
	part := &unstructured.Unstructured{}
	part.SetGroupVersionKind(live.GroupVersionKind())
	part.SetName(live.GetName())
	part.SetNamespace(live.GetNamespace())
	part.SetResourceVersion(live.GetResourceVersion())
	for _, f := range fields {
		if value, found, err := unstructured.NestedFieldCopy(live.Object, f.Path...); err == nil && found {
			_ = unstructured.SetNestedField(part.Object, value, f.Path...) // part holds nothing that is in the way
		}
	}
	return part
}

// applies reports whether manager applies the field of o at path.
func applies(o *metav1.PartialObjectMetadata, manager string, path []string) bool {
	elements := make(fieldpath.Path, len(path))
	for i := range path {
		elements[i] = fieldpath.PathElement{FieldName: &path[i]}
	}
	return slices.ContainsFunc(o.ManagedFields, func(e metav1.ManagedFieldsEntry) bool {
		set := &fieldpath.Set{}
		return e.Manager == manager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == "" &&
			e.FieldsV1 != nil && set.FromJSON(e.FieldsV1.GetRawReader()) == nil && set.Has(elements)
	})
}
