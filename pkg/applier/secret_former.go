package applier

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// former returns the Secret that an Applier of this owner wrote last, in the
// namespace of t and of its type, among those with the labels; an empty one
// when there is none. Credentials that may not list Secrets see none.
func (a *Applier) former(ctx context.Context, t *target, marks map[string]string) (*corev1.Secret, error) {
	newest := &corev1.Secret{}
	if len(marks) == 0 {
		return newest, nil
	}
	o := metav1.ListOptions{LabelSelector: labels.Merge(marks, a.opts.Owner).String(), Limit: pageSize}
	list, err := a.conn.Typed().CoreV1().Secrets(t.ref.Namespace).List(ctx, o)
	if kubernetes.ReasonOf(err) == kubernetes.Forbidden {
		return newest, nil
	}
	if err != nil {
		return nil, err
	}
	var last time.Time
	for i := range list.Items {
		s := &list.Items[i]
		at := a.writtenAt(s.ManagedFields)
		if s.DeletionTimestamp == nil && s.Type == secretType(t.object) && at.After(last) {
			newest, last = s, at
		}
	}
	return newest, nil
}

// writtenAt returns when our manager wrote an object last, or the zero time: a
// copy that somebody else made, labels and all, does not speak for the owner.
func (a *Applier) writtenAt(fields []metav1.ManagedFieldsEntry) (last time.Time) {
	for _, f := range fields {
		if f.Manager == a.opts.Manager && f.Time != nil && f.Time.After(last) {
			last = f.Time.Time
		}
	}
	return last
}

func secretType(o *unstructured.Unstructured) corev1.SecretType {
	if typ, _, _ := unstructured.NestedString(o.Object, "type"); typ != "" {
		return corev1.SecretType(typ)
	}
	return corev1.SecretTypeOpaque
}
