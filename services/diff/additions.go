package diff

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/kubeorch/core/models"
)

// Additions returns the fields of o that others than our managers have added beside
// ours, in the order of their paths. What Kubernetes' own controllers and defaults
// fill in is none, and neither is what is set through a subresource. Of what the API
// server made of an apply, these are the fields that the apply leaves alone; a live
// object also has those that somebody changed and an apply would take back.
func Additions(o *unstructured.Unstructured, isOurs func(manager string) bool) []models.FieldAddition {
	ours := fieldpath.NewSet()
	var theirs []entry
	for _, e := range entriesOf(o) {
		switch {
		case e.subresource != "":
		case isOurs(e.manager):
			ours = ours.Union(e.fields)
		case !isController(e.manager):
			theirs = append(theirs, e)
		}
	}
	a := additions{mask: maskFor(o), found: map[string]models.FieldAddition{}}
	for _, e := range theirs {
		a.by = e
		a.below(nil, e.fields, ours, o.Object)
	}
	all := slices.Collect(maps.Values(a.found))
	slices.SortFunc(all, func(a, b models.FieldAddition) int { return strings.Compare(a.Path, b.Path) })
	return all[:min(len(all), MaxChanges)]
}

// MayHaveAdditions reports whether Additions could find some of an object with
// these managers. It needs no content of the object.
func MayHaveAdditions(managed []metav1.ManagedFieldsEntry, isOurs func(manager string) bool) bool {
	return slices.ContainsFunc(managed, func(e metav1.ManagedFieldsEntry) bool {
		return e.Subresource == "" && !isOurs(e.Manager) && !isController(e.Manager)
	})
}

// isController reports whether the manager is a part of Kubernetes.
func isController(manager string) bool {
	return slices.Contains([]string{"kube-controller-manager", "kube-scheduler", "kubelet", "kube-apiserver", "kube-proxy", "k3s", "kubelite"}, manager) ||
		strings.HasSuffix(manager, "cloud-controller-manager")
}

// additions is one call of Additions.
type additions struct {
	mask  mask
	by    entry
	found map[string]models.FieldAddition
}

// below finds the additions within v, the value at path, of which theirs and ours are
// the fields.
func (a *additions) below(path fieldpath.Path, theirs, ours *fieldpath.Set, v any) {
	for e := range elements(theirs) {
		at, field := below(path, e), child(v, e)
		if field == nil || isNoise(at) || isOfControllers(at) {
			continue
		}
		inTheirs, inOurs := theirs.WithPrefix(e), ours.WithPrefix(e)
		_, isMap := field.(map[string]any)
		switch {
		case !inOurs.Empty(), ours.Members.Has(e), isMap && isOpen(at), !theirs.Members.Has(e):
			a.below(at, inTheirs, inOurs, field)
		case !isDefault(fieldAt(at, len(at)-1), field):
			a.add(at, field)
		}
	}
}

func (a *additions) add(path fieldpath.Path, v any) {
	one := models.FieldAddition{Path: pathText(path), Value: a.mask.apply(path, v), Manager: a.by.manager}
	if !a.by.at.IsZero() {
		one.At = &a.by.at
	}
	if other, known := a.found[one.Path]; !known || other.At != nil && one.At != nil && other.At.Before(*one.At) {
		a.found[one.Path] = one
	}
}

// child returns what v has at the element, or nil.
func child(v any, e fieldpath.PathElement) any {
	switch v := v.(type) {
	case map[string]any:
		if e.FieldName != nil {
			return v[*e.FieldName]
		}
	case []any:
		for i, one := range v {
			if e.Index != nil && *e.Index == i || e.Key != nil && hasKey(one, *e.Key) ||
				e.Value != nil && value.Equals(*e.Value, value.NewValueInterface(one)) {
				return one
			}
		}
	}
	return nil
}

func hasKey(v any, key value.FieldList) bool {
	fields, isMap := v.(map[string]any)
	return isMap && !slices.ContainsFunc(key, func(f value.Field) bool {
		return !value.Equals(f.Value, value.NewValueInterface(fields[f.Name]))
	})
}
