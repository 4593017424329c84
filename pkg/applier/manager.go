package applier

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// manager is the field manager of what this owner creates.
func (a *Applier) manager() string {
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(a.opts.Owner)) {
		text.WriteString(key + "=" + a.opts.Owner[key] + "\n")
	}
	sum := sha256.Sum256([]byte(text.String()))
	return a.opts.Manager + "-" + hex.EncodeToString(sum[:6])
}

// managerOf returns the field manager that an object of ours is applied with.
// Objects of earlier releases have Options.Manager.
func (a *Applier) managerOf(o *metav1.PartialObjectMetadata) string {
	all := a.appliedBy(o)
	if len(all) == 0 || slices.Contains(all, a.manager()) {
		return a.manager()
	}
	return all[0]
}

// These end the names of field managers that hold single fields for a while.
const (
	initialSuffix  = "-initial"
	strategySuffix = "-strategy"
)

// appliedBy returns the field managers with which owners have applied the object.
func (a *Applier) appliedBy(o *metav1.PartialObjectMetadata) []string {
	var all []string
	for _, e := range o.ManagedFields {
		if a.isOurs(e) && !isHelper(e.Manager) && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == "" {
			all = append(all, e.Manager)
		}
	}
	return all
}

func (a *Applier) isOurs(e metav1.ManagedFieldsEntry) bool {
	return IsManager(a.opts.Manager, e.Manager)
}

// IsManager reports whether an applier with Options.Manager base writes, for any
// owner, as the field manager name.
func IsManager(base, name string) bool { return name == base || strings.HasPrefix(name, base+"-") }

// onlyOurs returns, as keys of a merge patch that removes them, the labels and
// annotations that no other field manager has set.
func (a *Applier) onlyOurs(o *metav1.PartialObjectMetadata) (labels, annotations map[string]any) {
	labels, annotations = map[string]any{}, map[string]any{}
	for _, ours := range []bool{true, false} {
		for _, e := range o.ManagedFields {
			if a.isOurs(e) != ours {
				continue
			}
			set := metadataFields(e)
			for key := range set.Labels {
				toRemove(labels, key, ours)
			}
			for key := range set.Annotations {
				toRemove(annotations, key, ours)
			}
		}
	}
	return labels, annotations
}

func toRemove(patch map[string]any, field string, add bool) {
	key, isField := strings.CutPrefix(field, "f:")
	switch {
	case !isField:
	case add:
		patch[key] = nil
	default:
		delete(patch, key)
	}
}

type fieldSet struct {
	Labels      map[string]any `json:"f:labels"`
	Annotations map[string]any `json:"f:annotations"`
}

func metadataFields(e metav1.ManagedFieldsEntry) fieldSet {
	var fields struct {
		Metadata fieldSet `json:"f:metadata"`
	}
	if e.FieldsV1 != nil {
		_ = json.Unmarshal([]byte(e.FieldsV1.String()), &fields) // the API server wrote it
	}
	return fields.Metadata
}
