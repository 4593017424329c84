package applier

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// checkOwner returns an error when the object has another owner, unless it is
// to be adopted and may be.
func (a *Applier) checkOwner(ref Ref, o *metav1.PartialObjectMetadata, adopt bool) error {
	if a.owns(o.Labels) {
		return nil
	}
	if adopt && a.opts.KeepOwners && a.opts.OwnerName != nil && a.opts.OwnerName(o.Labels) != "" {
		return conflictf(ref, "exists and belongs to %s, from whom it may not be taken here", a.ownerOf(o))
	}
	if adopt {
		return nil
	}
	return conflictf(ref, "exists and belongs to %s; it is taken over only when its node says adopt: true", a.ownerOf(o))
}

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
	if m := otherManager(o, a.opts.Manager); m != "" {
		return m
	}
	return "somebody else"
}

// otherManager returns a field manager other than ours that has written more
// than the status, or "".
func otherManager(o *metav1.PartialObjectMetadata, ours string) string {
	for i := range o.ManagedFields {
		e := &o.ManagedFields[i]
		if e.Manager == ours || e.Subresource != "" {
			continue
		}
		if strings.HasPrefix(e.Manager, "kubectl") {
			return "kubectl"
		}
		return e.Manager
	}
	return ""
}
