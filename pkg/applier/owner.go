package applier

import (
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// AdoptedAnnotation marks an object that existed before we took it over. Delete
// releases such an object and does not delete it.
const AdoptedAnnotation = "kubeorch.io/adopted"

// ErrForeign is in the Err of each Change that failed because the object belongs
// to another owner.
var ErrForeign = errors.New("the object belongs to another owner")

// checkOwner returns an error with ErrForeign when the object has another owner,
// unless it is to be adopted and may be.
func (a *Applier) checkOwner(ref Ref, o *metav1.PartialObjectMetadata, adopt bool) error {
	const advice = "rename the node or choose another namespace"
	known := a.opts.OwnerName != nil && a.opts.OwnerName(o.Labels) != ""
	kept := a.opts.KeepOwners && known
	switch {
	case a.owns(o.Labels), adopt && a.opts.MayAdopt && !kept:
		return nil
	case adopt && kept:
		return foreignf(ref, "exists and belongs to %s, from whom it may not be taken here; "+advice, a.ownerOf(o))
	case adopt:
		return foreignf(ref, "exists and belongs to %s; only the owner of the cluster and people with the role admin "+
			"on it may adopt it; "+advice, a.ownerOf(o))
	case a.opts.MayAdopt && !kept:
		return foreignf(ref, "exists and belongs to %s; "+advice+", or set adopt: true on the node to take the object over", a.ownerOf(o))
	}
	return foreignf(ref, "exists and belongs to %s; "+advice, a.ownerOf(o))
}

func foreignf(ref Ref, format string, args ...any) error {
	return &kubernetes.Error{Reason: kubernetes.Exists, Message: ref.String() + " " + fmt.Sprintf(format, args...), Err: ErrForeign}
}

func isAdopted(o *metav1.PartialObjectMetadata) bool { return o.Annotations[AdoptedAnnotation] != "" }

func (a *Applier) owns(labels map[string]string) bool {
	for k, v := range a.opts.Owner {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// ownerOf names the owner of an object by the marks that common tools leave.
func (a *Applier) ownerOf(o *metav1.PartialObjectMetadata) string {
	if a.opts.OwnerName != nil {
		if name := a.opts.OwnerName(o.Labels); name != "" {
			return name
		}
	}
	if release := o.Annotations["meta.helm.sh/release-name"]; release != "" {
		return "the Helm release " + release
	}
	for _, key := range []string{"app.kubernetes.io/managed-by", "managed-by"} {
		if by := o.Labels[key]; by != "" {
			return by
		}
	}
	for i := range o.OwnerReferences {
		return o.OwnerReferences[i].Kind + " " + o.OwnerReferences[i].Name
	}
	if m := a.otherManager(o); m != "" {
		return m
	}
	return "somebody else"
}

// otherManager returns a field manager that is none of ours and has written more
// than the status, or "".
func (a *Applier) otherManager(o *metav1.PartialObjectMetadata) string {
	for _, e := range o.ManagedFields {
		if a.isOurs(e) || e.Subresource != "" {
			continue
		}
		if strings.HasPrefix(e.Manager, "kubectl") {
			return "kubectl"
		}
		return e.Manager
	}
	return ""
}

// withAnnotation returns a copy of o with the annotation.
func withAnnotation(o *unstructured.Unstructured, key, value string) *unstructured.Unstructured {
	o = o.DeepCopy()
	all := o.GetAnnotations()
	if all == nil {
		all = make(map[string]string, 1)
	}
	all[key] = value
	o.SetAnnotations(all)
	return o
}

// atVersion returns a copy of o that is applied to this version of the live
// object only.
func atVersion(o *unstructured.Unstructured, resourceVersion string) *unstructured.Unstructured {
	o = o.DeepCopy()
	o.SetResourceVersion(resourceVersion)
	return o
}
