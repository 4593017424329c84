package applier

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// Action tells what was done to an object.
type Action string

// The actions.
const (
	Created    Action = "created"
	Configured Action = "configured"
	Unchanged  Action = "unchanged"
	Deleted    Action = "deleted"
	Skipped    Action = "skipped"
	Released   Action = "released" // given up, and left in the cluster
	Failed     Action = "failed"
)

// Ref identifies an object.
type Ref struct {
	schema.GroupVersionKind

	Namespace string // "" for cluster-scoped kinds
	Name      string
}

// RefOf returns the reference to o.
func RefOf(o *unstructured.Unstructured) Ref {
	return Ref{GroupVersionKind: o.GroupVersionKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
}

// String returns the reference for messages: "Deployment default/web".
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// Change is what was done to one object.
type Change struct {
	Ref

	Action          Action
	UID             types.UID // of the object, if it exists
	ResourceVersion string
	Fields          string // FieldsHash of the object after it was applied
	Message         string // for users; the whole reason when Action is Failed
	Err             error  // set when Action is Failed: a *kubernetes.Error
}

func (a *Applier) changeFrom(ref Ref, old, now *metav1.PartialObjectMetadata) Change {
	c := Change{
		Ref: ref, Action: Created, UID: now.UID, ResourceVersion: now.ResourceVersion, Fields: FieldsHash(a.opts.Manager, now),
	}
	if old != nil {
		c.Action = Unchanged
		if differs(old, now) {
			c.Action = Configured
		}
	}
	return c
}

// differs reports whether our apply has changed the object, as opposed to a
// controller that has written to it in between. A new ManifestAnnotation alone is no
// change: it says that the manifest came to the same object.
func differs(old, now *metav1.PartialObjectMetadata) bool {
	switch {
	case old.ResourceVersion == now.ResourceVersion:
		return false
	case old.Generation != now.Generation, !sameMetadata(old, now):
		return true
	case now.Generation != 0: // a change of anything else would have increased it
		return false
	case old.Annotations[ManifestAnnotation] != now.Annotations[ManifestAnnotation]:
		return true
	}
	if !sameEntry(applied(old), applied(now)) {
		return true
	}
	// Our entry is the same, and its time is in whole seconds. The object was written
	// by us unless an entry of another manager differs.
	return slices.EqualFunc(old.ManagedFields, now.ManagedFields,
		func(a, b metav1.ManagedFieldsEntry) bool { return sameEntry(&a, &b) })
}

// sameMetadata reports whether the labels and annotations that we apply are the same.
func sameMetadata(a, b *metav1.PartialObjectMetadata) bool {
	for _, e := range []*metav1.ManagedFieldsEntry{applied(a), applied(b)} {
		if e == nil {
			return false
		}
		ours := metadataFields(*e)
		if !sameKeys(ours.Labels, a.Labels, b.Labels) || !sameKeys(ours.Annotations, a.Annotations, b.Annotations) {
			return false
		}
	}
	return true
}

// sameKeys compares the values of a and b for the keys in fields, of managed fields.
func sameKeys(fields map[string]any, a, b map[string]string) bool {
	for field := range fields {
		key, isField := strings.CutPrefix(field, "f:")
		x, inA := a[key]
		y, inB := b[key]
		if isField && key != ManifestAnnotation && (inA != inB || x != y) {
			return false
		}
	}
	return true
}

func sameEntry(a, b *metav1.ManagedFieldsEntry) bool {
	return a.Manager == b.Manager && a.Operation == b.Operation && a.Subresource == b.Subresource &&
		a.Time.Equal(b.Time) && a.FieldsV1.String() == b.FieldsV1.String()
}

// applied returns the newest entry of a server-side apply.
func applied(o *metav1.PartialObjectMetadata) *metav1.ManagedFieldsEntry {
	var newest *metav1.ManagedFieldsEntry
	for i := range o.ManagedFields {
		e := &o.ManagedFields[i]
		if e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == "" &&
			(newest == nil || newest.Time.Before(e.Time)) {
			newest = e
		}
	}
	return newest
}

// failed returns the Change for a failure, its message beginning with the
// object's name.
func failed(ref Ref, err error) Change {
	e := kubernetes.Translate(err)
	msg := e.Message
	if !strings.HasPrefix(msg, ref.String()+" ") {
		msg = ref.String() + ": " + msg
	}
	return Change{Ref: ref, Action: Failed, Message: msg, Err: e}
}

// conflictf returns the error for an object that cannot be written; the text
// continues its name.
func conflictf(ref Ref, format string, args ...any) error {
	return &kubernetes.Error{Reason: kubernetes.Exists, Message: ref.String() + " " + fmt.Sprintf(format, args...)}
}

// invalidf returns the error for an object that is refused; the text continues
// its name.
func invalidf(ref Ref, format string, args ...any) error {
	return &kubernetes.Error{Reason: kubernetes.Invalid, Message: ref.String() + " " + fmt.Sprintf(format, args...)}
}
