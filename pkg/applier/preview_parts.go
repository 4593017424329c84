package applier

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// keepValues gives t's object the fields with the values that they have, as they
// have after they were given up.
func (t *target) keepValues(ctx context.Context, fields []Initial) error {
	live, err := t.full.Get(ctx, t.ref.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, f := range fields {
		v, found, err := unstructured.NestedFieldCopy(live.Object, f.Path...)
		if err != nil || !found {
			continue
		}
		if err := unstructured.SetNestedField(t.object.Object, v, f.Path...); err != nil {
			return err
		}
	}
	if t.preview != nil {
		t.preview.gaveUp = true
	}
	return nil
}

// tryReplace is replace in a dry run.
func (a *Applier) tryReplace(ctx context.Context, t *target, old *metav1.PartialObjectMetadata, fields []Initial) (Change, error) {
	if err := checkDeletable(t.ref, old, false); err != nil {
		return Change{}, err
	}
	c := Change{Ref: t.ref, Action: Configured, UID: old.UID, Message: "would be replaced"}
	if t.preview == nil {
		return c, nil
	}
	t.preview.replaced = true
	return c, a.previewNew(ctx, t, fields)
}

// previewNew previews the creation of t's object although its name is taken, by a
// dry run under another name.
func (a *Applier) previewNew(ctx context.Context, t *target, fields []Initial) error {
	const longest = 40 // of a name, which must stay a valid one with a suffix
	other := *t
	other.ref.Name = strings.TrimRight(t.ref.Name[:min(len(t.ref.Name), longest)], "-.") + "-" + strings.ToLower(rand.Text()[:10])
	other.object = t.object.DeepCopy()
	other.object.SetName(other.ref.Name)
	other.object.SetResourceVersion("") // that of the object with the name
	_, err := a.createWithInitial(ctx, &other, fields)
	if err == nil {
		t.preview.would.SetName(t.ref.Name)
		t.preview.would.SetNamespace(t.ref.Namespace)
	}
	return err
}

// previewLater judges an object that can only be created later: when its predecessor
// is gone, or its namespace is there. In place of a namespace that does not exist yet
// it asks about "default", where only what is wrong with the object itself counts.
func (a *Applier) previewLater(ctx context.Context, t *target, cause error, fields []Initial) Change {
	c := Change{Ref: t.ref, Action: Created}
	probe := *t
	if kubernetes.ReasonOf(cause) == kubernetes.Exists {
		c.Message = "is created anew when its predecessor, which is being deleted, is gone"
	} else {
		if a.restricted() {
			return c
		}
		ref := t.ref
		ref.Namespace = metav1.NamespaceDefault
		there, err := a.locate(ctx, ref)
		if err != nil {
			return c
		}
		there.object, there.preview = t.object.DeepCopy(), t.preview
		there.object.SetNamespace(ref.Namespace)
		probe = *there
	}
	err := a.conn.Err(a.previewNew(ctx, &probe, fields))
	if kubernetes.ReasonOf(err) == kubernetes.Invalid && !strings.Contains(err.Error(), "quota") && !strings.Contains(err.Error(), "denied") {
		return failed(t.ref, err)
	}
	return c
}

// previewWithout previews an update of which a dry run cannot try some fields, since
// it takes several writes. They are left out of the request and then shown as they
// are in the manifest. An object that cannot do without them is shown with no other
// changes.
func (a *Applier) previewWithout(ctx context.Context, t *target, old *metav1.PartialObjectMetadata, fields ...fieldpath.Path) error {
	if t.preview == nil {
		return nil
	}
	rest := *t
	rest.object = t.object.DeepCopy()
	for _, path := range fields {
		setField(rest.object.Object, path, nil)
	}
	_, err := a.update(ctx, &rest, old, false)
	if kubernetes.ReasonOf(err) == kubernetes.Invalid { // an object cannot do without the fields
		t.preview.would, err = t.full.Get(ctx, t.ref.Name, metav1.GetOptions{})
	}
	if err != nil {
		return err
	}
	for _, path := range fields {
		setField(t.preview.would.Object, path, fieldOf(t.object.DeepCopy().Object, path))
	}
	return nil
}

// fieldOf returns the part of v at path, or nil.
func fieldOf(v any, path fieldpath.Path) any {
	for _, e := range path {
		switch within := v.(type) {
		case map[string]any:
			if e.FieldName == nil {
				return nil
			}
			v = within[*e.FieldName]
		case []any:
			i := indexOf(within, e)
			if i < 0 {
				return nil
			}
			v = within[i]
		default:
			return nil
		}
	}
	return v
}

// setField returns v with another value at path; nil removes it. What leads there is
// made if it is missing.
func setField(v any, path fieldpath.Path, to any) any {
	if len(path) == 0 || v == nil && to == nil {
		return to
	}
	e, rest := path[0], path[1:]
	if e.FieldName != nil {
		fields, _ := v.(map[string]any)
		if fields == nil {
			fields = map[string]any{}
		}
		if now := setField(fields[*e.FieldName], rest, to); now != nil {
			fields[*e.FieldName] = now
		} else {
			delete(fields, *e.FieldName)
		}
		return fields
	}
	list, _ := v.([]any)
	i := indexOf(list, e)
	switch {
	case i >= 0:
		if now := setField(list[i], rest, to); now != nil {
			list[i] = now
		} else {
			list = append(list[:i:i], list[i+1:]...)
		}
	case len(rest) == 0 && to != nil:
		list = append(list, to)
	}
	return list
}

// indexOf returns the place of the item with the key e, or -1.
func indexOf(list []any, e fieldpath.PathElement) int {
	return slices.IndexFunc(list, func(item any) bool {
		fields, isMap := item.(map[string]any)
		return isMap && e.Key != nil && !slices.ContainsFunc(*e.Key, func(f value.Field) bool {
			return !value.Equals(f.Value, value.NewValueInterface(fields[f.Name]))
		})
	})
}

// withoutGenerated removes what the API server generates for each new Job.
func withoutGenerated(objects ...*unstructured.Unstructured) {
	for _, o := range objects {
		if o.GetKind() != "Job" {
			continue
		}
		unstructured.RemoveNestedField(o.Object, "spec", "selector")
		for _, label := range []string{"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"} {
			unstructured.RemoveNestedField(o.Object, "spec", "template", "metadata", "labels", label)
			unstructured.RemoveNestedField(o.Object, "metadata", "labels", label)
		}
		unstructured.RemoveNestedField(o.Object, "metadata", "annotations", "batch.kubernetes.io/job-tracking")
	}
}
