package kubernetes

import (
	"context"
	"encoding/json"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
)

const (
	controlPlane = "node-role.kubernetes.io/control-plane"
	master       = "node-role.kubernetes.io/master" // the role's name before Kubernetes 1.20

	// removedTaints is the annotation with the taints that OpenControlPlane has
	// removed from a node, as a JSON list.
	removedTaints = "kubeorch.io/removed-taints"
)

// OpenControlPlane lets ordinary pods run on the nodes of the control plane: it
// removes their NoSchedule taints for that role, and no others. It returns the
// names of the nodes that it has changed, also when it fails half-way. An error
// with reason Forbidden means that the credentials may not list or change nodes.
func (c *Connection) OpenControlPlane(ctx context.Context) (nodes []string, err error) {
	return c.changeNodes(ctx, removeTaints)
}

// CloseControlPlane restores the taints that OpenControlPlane has removed, on
// nodes that still belong to the control plane. Its results are those of
// OpenControlPlane.
func (c *Connection) CloseControlPlane(ctx context.Context) (nodes []string, err error) {
	return c.changeNodes(ctx, restoreTaints)
}

// taintChange returns the new taints of a node, those to record in the annotation,
// and whether the node changes at all.
type taintChange func(n *corev1.Node) (taints, removed []corev1.Taint, change bool)

func removeTaints(n *corev1.Node) (taints, removed []corev1.Taint, change bool) {
	removed = recordedTaints(n)
	for _, t := range n.Spec.Taints {
		if isControlPlaneTaint(t) {
			change = true
			if !hasTaint(removed, t) {
				removed = append(removed, t)
			}
			continue
		}
		taints = append(taints, t)
	}
	return taints, removed, change
}

func restoreTaints(n *corev1.Node) (taints, removed []corev1.Taint, change bool) {
	taints = n.Spec.Taints
	if _, ok := n.Annotations[removedTaints]; !ok {
		return taints, nil, false
	}
	if !isControlPlane(n) { // it was given another role
		return taints, nil, true
	}
	for _, t := range recordedTaints(n) {
		if !hasTaint(taints, t) {
			taints = append(slices.Clone(taints), t)
		}
	}
	return taints, nil, true
}

func isControlPlaneTaint(t corev1.Taint) bool {
	return t.Effect == corev1.TaintEffectNoSchedule && (t.Key == controlPlane || t.Key == master)
}

func isControlPlane(n *corev1.Node) bool {
	_, current := n.Labels[controlPlane]
	_, old := n.Labels[master]
	return current || old
}

func hasTaint(list []corev1.Taint, t corev1.Taint) bool {
	return slices.ContainsFunc(list, func(o corev1.Taint) bool { return o.MatchTaint(&t) })
}

// recordedTaints returns the taints in the annotation of n. It leaves out those
// that OpenControlPlane does not remove, since users may edit annotations.
func recordedTaints(n *corev1.Node) (taints []corev1.Taint) {
	if json.Unmarshal([]byte(n.Annotations[removedTaints]), &taints) != nil {
		return nil
	}
	return slices.DeleteFunc(taints, func(t corev1.Taint) bool { return !isControlPlaneTaint(t) })
}

func (c *Connection) changeNodes(ctx context.Context, change taintChange) (names []string, err error) {
	var all []corev1.Node
	err = paged(func(o metav1.ListOptions) (string, error) {
		list, err := c.typed.CoreV1().Nodes().List(ctx, o)
		if err != nil {
			return "", err
		}
		for _, n := range list.Items {
			if _, _, wanted := change(&n); wanted {
				all = append(all, n)
			}
		}
		return list.Continue, nil
	})
	for i := 0; err == nil && i < len(all); i++ {
		var done bool
		if done, err = c.changeTaints(ctx, &all[i], change); done {
			names = append(names, all[i].Name)
		}
	}
	return names, c.Err(err)
}

// changeTaints changes one node. On a conflict with another writer it decides
// anew. A node that no longer exists is no failure.
func (c *Connection) changeTaints(ctx context.Context, n *corev1.Node, change taintChange) (done bool, err error) {
	name, client := n.Name, c.typed.CoreV1().Nodes()
	err = retry.RetryOnConflict(retry.DefaultRetry, func() (err error) {
		if n == nil { // after a conflict
			if n, err = client.Get(ctx, name, metav1.GetOptions{}); err != nil {
				return err
			}
		}
		taints, removed, wanted := change(n)
		version := n.ResourceVersion
		if n = nil; !wanted {
			return nil
		}
		patch, err := taintPatch(version, taints, removed)
		if err != nil {
			return err
		}
		_, err = client.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "kubeorch"})
		done = err == nil
		return err
	})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return done, err
}

// taintPatch replaces the list of taints. It holds the version of the node, so
// that the API server refuses it after another change.
func taintPatch(version string, taints, removed []corev1.Taint) ([]byte, error) {
	var annotation any // null removes it
	if len(removed) > 0 {
		text, err := json.Marshal(removed)
		if err != nil {
			return nil, err
		}
		annotation = string(text)
	}
	return json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": version, "annotations": map[string]any{removedTaints: annotation}},
		"spec":     map[string]any{"taints": taints},
	})
}
