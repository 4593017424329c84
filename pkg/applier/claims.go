package applier

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// mountersShown is how many of the pods that mount a claim are named.
const mountersShown = 10

// ClaimUse tells how large a claim is, and which pods mount it.
type ClaimUse struct {
	Size string
	Pods []string // the first ten; pods that have ended mount nothing
}

// ClaimUses returns how the owner's claims in the given namespaces are used, by
// Ref.String. Namespaces outside Options.Namespaces are left out.
func (a *Applier) ClaimUses(ctx context.Context, namespaces []string) (map[string]ClaimUse, error) {
	uses := map[string]ClaimUse{}
	for _, ns := range namespaces {
		if a.restricted() && !slices.Contains(a.opts.Namespaces, ns) {
			continue
		}
		if err := a.claimUses(ctx, ns, uses); err != nil {
			return nil, a.conn.Err(err)
		}
	}
	return uses, nil
}

func (a *Applier) claimUses(ctx context.Context, ns string, uses map[string]ClaimUse) error {
	core := a.conn.Typed().CoreV1()
	claims, err := core.PersistentVolumeClaims(ns).List(ctx, metav1.ListOptions{LabelSelector: labels.Set(a.opts.Owner).String()})
	if err != nil {
		return err
	}
	if len(claims.Items) == 0 {
		return nil
	}
	for i := range claims.Items {
		c := &claims.Items[i]
		size := c.Status.Capacity.Storage()
		if size.IsZero() {
			size = c.Spec.Resources.Requests.Storage()
		}
		uses[claimRef(ns, c.Name).String()] = ClaimUse{Size: size.String()}
	}
	o := metav1.ListOptions{Limit: pageSize}
	for {
		pods, err := core.Pods(ns).List(ctx, o)
		if err != nil {
			return err
		}
		for i := range pods.Items {
			noteMounts(&pods.Items[i], uses)
		}
		if o.Continue = pods.Continue; o.Continue == "" {
			return nil
		}
	}
}

func noteMounts(pod *corev1.Pod, uses map[string]ClaimUse) {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return
	}
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		key := claimRef(pod.Namespace, v.PersistentVolumeClaim.ClaimName).String()
		if use, ours := uses[key]; ours && len(use.Pods) < mountersShown {
			use.Pods = append(use.Pods, pod.Name)
			uses[key] = use
		}
	}
}

func claimRef(namespace, name string) Ref {
	return Ref{GroupVersionKind: corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"), Namespace: namespace, Name: name}
}
