package diff

import (
	"iter"
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// items compares two lists: by key where the API merges them by key, as sets where it
// takes them for sets, else as a whole, or item by item when both are equally long
// lists of objects.
func (c *comparison) items(path fieldpath.Path, keys *fieldpath.Set, live, would []any) {
	if names := keyNames(keys); names != nil {
		before, ok := byKey(live, names)
		after, alsoOK := byKey(would, names)
		if ok && alsoOK {
			c.keyed(path, keys, before, after)
			return
		}
	}
	switch {
	case isSet(keys):
		c.set(path, live, would)
	case len(live) == len(would) && allMaps(live) && allMaps(would):
		for i := range live {
			at := below(path, fieldpath.IndexElement(i))
			c.values(at, keys.WithPrefix(at[len(at)-1]), live[i], would[i])
		}
	case !equal(path, live, would):
		c.report(path, live, would)
	}
}

// keyedList is a list of objects that is merged by key.
type keyedList struct {
	order []string // the texts of the keys
	items map[string]any
	keys  map[string]fieldpath.PathElement
}

// byKey is not ok when two items have the same key, or one is no object.
func byKey(list []any, names []string) (k keyedList, ok bool) {
	k.items, k.keys = make(map[string]any, len(list)), make(map[string]fieldpath.PathElement, len(list))
	for _, v := range list {
		fields, isMap := v.(map[string]any)
		if !isMap {
			return k, false
		}
		key := make(value.FieldList, len(names))
		for i, name := range names {
			key[i] = value.Field{Name: name, Value: value.NewValueInterface(fields[name])}
		}
		element := fieldpath.PathElement{Key: &key}
		text := elementText(element)
		if k.items[text] != nil {
			return k, false
		}
		k.order = append(k.order, text)
		k.items[text], k.keys[text] = fields, element
	}
	return k, true
}

// shared returns the keys that are in other, too, in the order of k.
func (k keyedList) shared(other keyedList) []string {
	return slices.DeleteFunc(slices.Clone(k.order), func(key string) bool { return other.items[key] == nil })
}

// keyed compares two lists item by item. Their order counts: containers start in it,
// and a variable may refer to earlier ones only.
func (c *comparison) keyed(path fieldpath.Path, keys *fieldpath.Set, live, would keyedList) {
	for _, key := range live.order {
		element := live.keys[key]
		c.values(below(path, element), keys.WithPrefix(element), live.items[key], would.items[key])
	}
	for _, key := range would.order {
		if live.items[key] == nil {
			element := would.keys[key]
			c.values(below(path, element), keys.WithPrefix(element), nil, would.items[key])
		}
	}
	before, after := live.shared(would), would.shared(live)
	if !slices.Equal(before, after) {
		c.report(path, "in the order "+strings.Join(before, ""), "in the order "+strings.Join(after, ""))
	}
}

// set compares lists in which each value stands once and no order counts.
func (c *comparison) set(path fieldpath.Path, live, would []any) {
	has := func(list []any, v any) bool {
		return slices.ContainsFunc(list, func(w any) bool { return equal(path, v, w) })
	}
	element := func(v any) fieldpath.Path {
		return below(path, fieldpath.ValueElement(value.NewValueInterface(v)))
	}
	for _, v := range live {
		if !has(would, v) {
			c.report(element(v), v, nil)
		}
	}
	for _, v := range would {
		if !has(live, v) {
			c.report(element(v), nil, v)
		}
	}
}

// keyNames returns the names of the fields by which the API merges the list with
// these fields, or nil.
func keyNames(keys *fieldpath.Set) (names []string) {
	for e := range elements(keys) {
		if e.Key == nil {
			return nil
		}
		for _, f := range *e.Key {
			names = append(names, f.Name)
		}
		return names
	}
	return nil
}

func isSet(keys *fieldpath.Set) bool {
	for e := range elements(keys) {
		return e.Value != nil
	}
	return false
}

// elements yields the elements one level below the root of a set. Some come twice.
func elements(set *fieldpath.Set) iter.Seq[fieldpath.PathElement] {
	return func(yield func(fieldpath.PathElement) bool) {
		for e := range set.Members.All() {
			if !yield(e) {
				return
			}
		}
		for e := range set.Children.All() {
			if !yield(e) {
				return
			}
		}
	}
}

func allMaps(list []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool { _, isMap := v.(map[string]any); return !isMap })
}
