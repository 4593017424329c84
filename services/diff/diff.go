// Package diff tells how an object in a cluster differs from what a run makes of
// it: which fields a run changes, and which others have added beside them. It takes
// values and returns values.
//
// Lists are compared by the keys that Kubernetes merges them by. These are read from
// managedFields, so that they are right for custom resources as well: the field sets
// there are those of structured-merge-diff. A library for JSON patches would name
// the items of lists by their places.
package diff

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/kubeorch/core/models"
)

// MaxChanges bounds the answer of Changes, and of Additions.
const MaxChanges = 100

// Changes returns the fields in which the object live differs from would, which is
// what the API server made of an apply, in the order of their paths. What only the
// server writes is left out, and so is another spelling of the same quantity.
func Changes(live, would *unstructured.Unstructured) []models.FieldChange {
	entries := entriesOf(live)
	c := comparison{entries: entries, mask: maskFor(live, would)}
	c.fields(nil, keysIn(slices.Concat(entries, entriesOf(would))), live.Object, would.Object)
	return c.found
}

// comparison is one call of Changes.
type comparison struct {
	entries []entry // of the live object
	mask    mask
	found   []models.FieldChange
}

// values compares what both objects have at path; nil is absent. keys holds the
// fields that managers have below path.
func (c *comparison) values(path fieldpath.Path, keys *fieldpath.Set, live, would any) {
	liveFields, liveIsMap := live.(map[string]any)
	wouldFields, wouldIsMap := would.(map[string]any)
	liveItems, liveIsList := live.([]any)
	wouldItems, wouldIsList := would.([]any)
	switch {
	case liveIsMap && wouldIsMap,
		isOpen(path) && (liveIsMap && would == nil || live == nil && wouldIsMap):
		c.fields(path, keys, liveFields, wouldFields)
	case liveIsList && wouldIsList:
		c.items(path, keys, liveItems, wouldItems)
	case !equal(path, live, would):
		c.report(path, live, would)
	}
}

// fields compares two objects field by field.
func (c *comparison) fields(path fieldpath.Path, keys *fieldpath.Set, live, would map[string]any) {
	for _, name := range namesOf(live, would) {
		at := below(path, fieldpath.FieldNameElement(name))
		if !isNoise(at) {
			c.values(at, keys.WithPrefix(at[len(at)-1]), live[name], would[name])
		}
	}
}

// report adds a change, with who wrote the present value.
func (c *comparison) report(path fieldpath.Path, live, would any) {
	if len(c.found) >= MaxChanges {
		return
	}
	change := models.FieldChange{Path: pathText(path), From: c.mask.apply(path, live), To: c.mask.apply(path, would)}
	if live != nil {
		change.Manager, change.At = writerOf(c.entries, path)
	}
	c.found = append(c.found, change)
}

// entry is what one field manager has written of an object.
type entry struct {
	manager     string
	subresource string
	at          time.Time // zero when the object does not tell
	fields      *fieldpath.Set
}

func entriesOf(o *unstructured.Unstructured) []entry {
	var all []entry
	for _, e := range o.GetManagedFields() {
		one := entry{manager: e.Manager, subresource: e.Subresource, fields: fieldsIn(e)}
		if e.Time != nil {
			one.at = e.Time.UTC()
		}
		all = append(all, one)
	}
	return all
}

func fieldsIn(e metav1.ManagedFieldsEntry) *fieldpath.Set {
	set := fieldpath.NewSet()
	if e.FieldsV1 == nil || set.FromJSON(e.FieldsV1.GetRawReader()) != nil {
		return fieldpath.NewSet() // an object without a readable entry is compared all the same
	}
	return set
}

func keysIn(entries []entry) *fieldpath.Set {
	all := fieldpath.NewSet()
	for _, e := range entries {
		all = all.Union(e.fields)
	}
	return all
}

// writerOf returns the manager that wrote the present value at path, and when. Of
// several it is the last.
func writerOf(entries []entry, path fieldpath.Path) (manager string, at *time.Time) {
	var last *entry
	for end := len(path); end > 0 && last == nil; end-- {
		for i := range entries {
			e := &entries[i]
			if wrote(e.fields, path[:end], end == len(path)) && (last == nil || !e.at.Before(last.at)) {
				last = e
			}
		}
	}
	switch {
	case last == nil:
		return "", nil
	case last.at.IsZero():
		return last.manager, nil
	}
	return last.manager, &last.at
}

// wrote reports whether the field at path is in set, as a whole; or, if parts may
// be, some of what is below it.
func wrote(set *fieldpath.Set, path fieldpath.Path, parts bool) bool {
	has := set.Has(path)
	for _, e := range path {
		set = set.WithPrefix(e)
	}
	return has && (parts || set.Empty()) || parts && !set.Empty()
}
