package applier

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// exclusive recognises refusals of a field beside another one that excludes it, and of
// an entry of a list beside another one of the same name, by their text, since the API
// has no reason for them.
func exclusive(err error) bool {
	return kubernetes.ReasonOf(err) == kubernetes.Invalid && slices.ContainsFunc(
		[]string{"may not be specified when", "may not have more than one field", "may not specify more than 1", "Duplicate value"},
		func(sign string) bool { return strings.Contains(err.Error(), sign) })
}

// alternativeFields are the fields of a pod, or lists of such, of whose parts
// one excludes another.
func alternativeFields() []string {
	return []string{"env", "volumes", "livenessProbe", "readinessProbe", "startupProbe", "preStop", "postStart", portsField}
}

// portsField is a list whose entries have names beside their keys. Somebody who has
// changed the number of a port owns an entry that an apply would leave beside ours.
const portsField = "ports"

// takeAlternatives transfers to our field manager what others own of the
// variables, volumes, probes and hooks that we apply. Somebody who has changed
// the value of such a field owns it, so an apply of its alternative would leave
// it beside that. Only managed fields are written, which restarts no pod. It
// returns what there was to transfer, and a dry run transfers nothing.
func (a *Applier) takeAlternatives(ctx context.Context, t *target) (*fieldpath.Set, error) {
	live, err := t.get(ctx)
	if err != nil || live == nil {
		return fieldpath.NewSet(), err
	}
	entries, manager := slices.Clone(live.ManagedFields), a.managerOf(live)
	ours := slices.IndexFunc(entries, func(e metav1.ManagedFieldsEntry) bool {
		return e.Manager == manager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == ""
	})
	if ours < 0 {
		return fieldpath.NewSet(), nil
	}
	own, taken := fieldsIn(entries[ours]), fieldpath.NewSet()
	for i, e := range entries {
		if a.isOurs(e) || e.Subresource != "" {
			continue
		}
		theirs := fieldsIn(e)
		part := alternatives(theirs, own)
		taken = taken.Union(part)
		if err := setFields(&entries[i], theirs.Difference(part)); err != nil {
			return nil, err
		}
	}
	if taken.Empty() || a.opts.DryRun {
		return taken, nil
	}
	if err := setFields(&entries[ours], own.Union(taken)); err != nil {
		return nil, err
	}
	return taken, a.setManagers(ctx, t, live, entries)
}

// alternatives returns those of theirs that are part of an alternative field of
// which own has a part. Of ports, own may have none left: then it has a part of what
// they belong to.
func alternatives(theirs, own *fieldpath.Set) *fieldpath.Set {
	found := fieldpath.NewSet()
	for path := range theirs.All() {
		rest := own
		field := alternativeOf(path)
		parent := field
		if last := len(field) - 1; last >= 0 && field[last].FieldName != nil && *field[last].FieldName == portsField {
			parent = field[:last]
		}
		for _, e := range parent {
			rest = rest.WithPrefix(e)
		}
		if field != nil && !rest.Empty() {
			found.Insert(path.Copy())
		}
	}
	return found
}

// alternativeOf returns the path of the alternative field that path is a part of, or
// nil.
func alternativeOf(path fieldpath.Path) fieldpath.Path {
	i := slices.IndexFunc(path, func(e fieldpath.PathElement) bool {
		return e.FieldName != nil && slices.Contains(alternativeFields(), *e.FieldName)
	})
	if i < 0 {
		return nil
	}
	end := i + 1
	if end < len(path) && path[end].Key != nil && *path[i].FieldName != portsField {
		end++
	}
	return path[:end]
}

// alternativesOf returns the alternative fields of which set has parts.
func alternativesOf(set *fieldpath.Set) (fields []fieldpath.Path) {
	for path := range set.All() {
		if field := alternativeOf(path); len(fields) == 0 || !fields[len(fields)-1].Equals(field) {
			fields = append(fields, field.Copy())
		}
	}
	return fields
}

// fieldsIn returns the fields of an entry, which the API server wrote.
func fieldsIn(e metav1.ManagedFieldsEntry) *fieldpath.Set {
	set := fieldpath.NewSet()
	if e.FieldsV1 == nil || set.FromJSON(e.FieldsV1.GetRawReader()) != nil {
		return fieldpath.NewSet()
	}
	return set
}

func setFields(e *metav1.ManagedFieldsEntry, set *fieldpath.Set) error {
	raw, err := set.ToJSON()
	if err != nil {
		return err
	}
	e.FieldsV1 = &metav1.FieldsV1{}
	return e.FieldsV1.UnmarshalJSON(raw)
}
