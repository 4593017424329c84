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

// former returns the Secret with these labels that this owner has written last,
// in the namespace of t and of the same type. It returns an empty Secret when
// there is none, or when the credentials may not list Secrets.
func (a *Applier) former(ctx context.Context, t *target, with map[string]string) (*corev1.Secret, error) {
	newest := &corev1.Secret{}
	if len(with) == 0 {
		return newest, nil
	}
	o := metav1.ListOptions{LabelSelector: labels.Merge(with, a.opts.Owner).String(), Limit: pageSize}
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

// writtenAt returns when an applier last wrote an object, or the zero time: a copy that another client has made carries the owner's labels, too.
func (a *Applier) writtenAt(fields []metav1.ManagedFieldsEntry) (last time.Time) {
	for _, f := range fields {
		if a.isOurs(f) && f.Time != nil && f.Time.After(last) {
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
