package applier

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// ownedPart returns the part of an object that manager applies, as it is in
// the cluster: applying it again changes nothing. It is nil when manager
// applies nothing of it, or did so in another version.
func ownedPart(live *unstructured.Unstructured, manager string) map[string]any {
	for _, e := range live.GetManagedFields() {
		if e.Manager != manager || e.Operation != metav1.ManagedFieldsOperationApply || e.Subresource != "" || e.APIVersion != live.GetAPIVersion() {
			continue
		}
		set := &fieldpath.Set{}
		if e.FieldsV1 == nil || set.FromJSON(e.FieldsV1.GetRawReader()) != nil {
			return nil
		}
		part, _ := partOf(live.Object, set).(map[string]any)
		if part == nil {
			return nil
		}
		part["apiVersion"], part["kind"] = live.GetAPIVersion(), live.GetKind()
		meta, _ := part["metadata"].(map[string]any)
		if meta == nil {
			meta = map[string]any{}
			part["metadata"] = meta
		}
		meta["name"], meta["namespace"] = live.GetName(), live.GetNamespace()
		return part
	}
	return nil
}

// partOf returns what set names of v.
func partOf(v any, set *fieldpath.Set) any {
	switch v := v.(type) {
	case map[string]any:
		return partOfMap(v, set)
	case []any:
		return partOfList(v, set)
	}
	return v
}

func partOfMap(v map[string]any, set *fieldpath.Set) any {
	out := map[string]any{}
	for pe := range set.Members.All() {
		if pe.FieldName == nil {
			continue
		}
		if _, deeper := set.Children.Get(pe); !deeper {
			if e, there := v[*pe.FieldName]; there {
				out[*pe.FieldName] = e
			}
		}
	}
	for pe := range set.Children.All() {
		if pe.FieldName == nil {
			continue
		}
		below, _ := set.Children.Get(pe)
		if e, there := v[*pe.FieldName]; there {
			out[*pe.FieldName] = partOf(e, below)
		}
	}
	return out
}

// partOfList returns the elements that set knows by their keys, or by value.
func partOfList(v []any, set *fieldpath.Set) any {
	out := []any{}
	for _, e := range v {
		item, isMap := e.(map[string]any)
		for pe := range set.Members.All() {
			if pe.Value != nil && fmt.Sprint((*pe.Value).Unstructured()) == fmt.Sprint(e) {
				out = append(out, e)
			}
			if _, deeper := set.Children.Get(pe); isMap && !deeper && hasKey(item, pe) {
				out = append(out, keyOf(item, pe))
			}
		}
		for pe := range set.Children.All() {
			if !isMap || !hasKey(item, pe) {
				continue
			}
			below, _ := set.Children.Get(pe)
			part, _ := partOfMap(item, below).(map[string]any)
			for k, v := range keyOf(item, pe) {
				part[k] = v
			}
			out = append(out, part)
		}
	}
	return out
}

// hasKey reports whether item is the element of a list that pe names.
func hasKey(item map[string]any, pe fieldpath.PathElement) bool {
	if pe.Key == nil {
		return false
	}
	for _, field := range *pe.Key {
		if fmt.Sprint(item[field.Name]) != fmt.Sprint(field.Value.Unstructured()) {
			return false
		}
	}
	return true
}

func keyOf(item map[string]any, pe fieldpath.PathElement) map[string]any {
	out := map[string]any{}
	for _, field := range *pe.Key {
		out[field.Name] = item[field.Name]
	}
	return out
}
