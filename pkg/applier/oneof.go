package applier

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// strategyField is where a workload says how its pods are replaced.
func strategyField(kind string) string {
	if kind == "Deployment" {
		return "strategy"
	}
	return "updateStrategy"
}

// switchStrategy applies a workload whose new strategy forbids the settings of
// the rolling update that it had. Where a manifest leaves those out, the API
// server fills them in, and they belong to no manager: no apply removes them,
// and an explicit null does not either. So a manager of its own takes them
// over and gives them up in the write that changes the strategy's type. Other
// fields whose forms exclude each other have no such defaults, or the server
// removes them together with the form that we gave up.
//
// It returns nil when nothing of that kind is in the way. A dry run cannot try
// it and tries the rest.
func (a *Applier) switchStrategy(
	ctx context.Context, t *target, old *metav1.PartialObjectMetadata,
) (*metav1.PartialObjectMetadata, error) {
	field := strategyField(t.ref.Kind)
	typ, _, _ := unstructured.NestedString(t.object.Object, "spec", field, "type")
	live, err := t.full.Get(ctx, t.ref.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	settings, found, _ := unstructured.NestedMap(live.Object, "spec", field, "rollingUpdate")
	if !found || typ == "" || typ == "RollingUpdate" {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	if a.opts.DryRun {
		return generationAfter(live), a.previewWithout(ctx, t, old, fieldpath.Path{fieldpath.FieldNameElement("spec"), fieldpath.FieldNameElement(field)})
	}
	between := a.opts.Manager + strategySuffix
	for _, strategy := range []map[string]any{{"rollingUpdate": settings}, {"type": typ}} {
		if _, err := a.updateAs(ctx, t.only(map[string]any{field: strategy}), old, between); err != nil {
			return nil, err
		}
	}
	if _, err := a.update(ctx, t, old, false); err != nil {
		return nil, err
	}
	return a.updateAs(ctx, t.only(nil), old, between)
}

// only returns t with nothing to apply but the given part of its spec.
func (t *target) only(spec map[string]any) *target {
	part := *t
	part.object = &unstructured.Unstructured{}
	part.object.SetGroupVersionKind(t.ref.GroupVersionKind)
	part.object.SetName(t.ref.Name)
	part.object.SetNamespace(t.ref.Namespace)
	if spec != nil {
		part.object.Object["spec"] = spec
	}
	return &part
}

// generationAfter returns the metadata that live would have after a change.
func generationAfter(live metav1.Object) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Name: live.GetName(), Namespace: live.GetNamespace(), UID: live.GetUID(), Generation: live.GetGeneration() + 1,
	}}
}

// change updates the live object old. What the API server refuses for the
// object's past, it tries another way; the strategy and fields of others only of
// an object that is ours already.
func (a *Applier) change(
	ctx context.Context, t *target, old *metav1.PartialObjectMetadata, adopt bool,
) (*metav1.PartialObjectMetadata, error) {
	now, err := a.update(ctx, t, old, adopt)
	if exclusive(err) && a.owns(old.Labels) {
		taken, failure := a.takeAlternatives(ctx, t)
		switch {
		case failure != nil:
			return nil, failure
		case !taken.Empty() && a.opts.DryRun:
			return generationAfter(old), a.previewWithout(ctx, t, old, alternativesOf(taken)...)
		case !taken.Empty():
			now, err = a.update(ctx, t, old, adopt)
		}
	}
	if t.ref.Group != "apps" || kubernetes.ReasonOf(err) != kubernetes.Invalid {
		return now, err
	}
	kept, failure := keepSelector(ctx, t)
	if failure != nil {
		return nil, failure
	}
	if kept {
		if now, err = a.update(ctx, t, old, adopt); kubernetes.ReasonOf(err) != kubernetes.Invalid {
			return now, err
		}
	}
	if !a.owns(old.Labels) {
		return nil, err
	}
	if now, failure := a.switchStrategy(ctx, t, old); now != nil || failure != nil {
		return now, failure
	}
	return nil, err
}
