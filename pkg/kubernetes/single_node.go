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
	controlOld   = "node-role.kubernetes.io/master" // its name before 1.20

	// removedTaints is the annotation in which a node remembers what
	// OpenControlPlane took from it, as a JSON list of taints.
	removedTaints = "kubeorch.io/removed-taints"
)

// OpenControlPlane lets ordinary pods run on the nodes of the control plane: it
// removes their NoSchedule taints for that role, and no others. It returns the
// names of the nodes that it changed, also when it fails half-way; a node that
// is as wanted already is left alone. Forbidden means that the credentials may
// not list or change nodes.
func (c *Connection) OpenControlPlane(ctx context.Context) (nodes []string, err error) {
	return c.eachNode(ctx, opened)
}

// CloseControlPlane puts back what OpenControlPlane removed, on nodes that still
// belong to the control plane. It returns what OpenControlPlane returns.
func (c *Connection) CloseControlPlane(ctx context.Context) (nodes []string, err error) {
	return c.eachNode(ctx, closed)
}

// taintChange decides what becomes of a node's taints, and of those that it
// remembers. It reports whether anything changes.
type taintChange func(n *corev1.Node) (taints, remembered []corev1.Taint, change bool)

func opened(n *corev1.Node) (taints, remembered []corev1.Taint, change bool) {
	remembered = memory(n)
	for _, t := range n.Spec.Taints {
		if keepsWorkOut(t) {
			change = true
			if !hasTaint(remembered, t) {
				remembered = append(remembered, t)
			}
			continue
		}
		taints = append(taints, t)
	}
	return taints, remembered, change
}

func closed(n *corev1.Node) (taints, remembered []corev1.Taint, change bool) {
	taints = n.Spec.Taints
	if _, ok := n.Annotations[removedTaints]; !ok {
		return taints, nil, false
	}
	if !isControlPlane(n) { // it was given another role
		return taints, nil, true
	}
	for _, t := range memory(n) {
		if !hasTaint(taints, t) {
			taints = append(slices.Clone(taints), t)
		}
	}
	return taints, nil, true
}

func keepsWorkOut(t corev1.Taint) bool {
	return t.Effect == corev1.TaintEffectNoSchedule && (t.Key == controlPlane || t.Key == controlOld)
}

func isControlPlane(n *corev1.Node) bool {
	_, now := n.Labels[controlPlane]
	_, old := n.Labels[controlOld]
	return now || old
}

func hasTaint(list []corev1.Taint, t corev1.Taint) bool {
	return slices.ContainsFunc(list, func(o corev1.Taint) bool { return o.MatchTaint(&t) })
}

// memory returns the taints that n remembers. People can write annotations, so
// whatever OpenControlPlane would not have removed does not count.
func memory(n *corev1.Node) (taints []corev1.Taint) {
	if json.Unmarshal([]byte(n.Annotations[removedTaints]), &taints) != nil {
		return nil
	}
	return slices.DeleteFunc(taints, func(t corev1.Taint) bool { return !keepsWorkOut(t) })
}

func (c *Connection) eachNode(ctx context.Context, change taintChange) (names []string, err error) {
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

// changeTaints changes one node. When somebody else writes to it at the same
// time, it decides again from what they wrote. A node that is gone needs
// nothing.
func (c *Connection) changeTaints(ctx context.Context, n *corev1.Node, change taintChange) (done bool, err error) {
	name, client := n.Name, c.typed.CoreV1().Nodes()
	err = retry.RetryOnConflict(retry.DefaultRetry, func() (err error) {
		if n == nil { // not as it was read first
			if n, err = client.Get(ctx, name, metav1.GetOptions{}); err != nil {
				return err
			}
		}
		taints, remembered, wanted := change(n)
		version := n.ResourceVersion
		if n = nil; !wanted {
			return nil
		}
		patch, err := taintPatch(version, taints, remembered)
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

// taintPatch replaces the taints as a whole, which is safe because the API
// server refuses it when the node is not at version any more.
func taintPatch(version string, taints, remembered []corev1.Taint) ([]byte, error) {
	var note any // null removes it
	if len(remembered) > 0 {
		text, err := json.Marshal(remembered)
		if err != nil {
			return nil, err
		}
		note = string(text)
	}
	return json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": version, "annotations": map[string]any{removedTaints: note}},
		"spec":     map[string]any{"taints": taints},
	})
}
