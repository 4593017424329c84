package applier

import (
	"context"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
)

// keepPods leaves the pods of a StatefulSet that is replaced to its successor, which
// adopts those that its selector finds.
func keepPods(ctx context.Context, t *target) (metav1.DeletionPropagation, error) {
	live, err := t.full.Get(ctx, t.ref.Name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	have, _, _ := unstructured.NestedMap(live.Object, "spec", "selector")
	want, _, _ := unstructured.NestedMap(t.object.Object, "spec", "selector")
	if equality.Semantic.DeepEqual(have, want) {
		return metav1.DeletePropagationOrphan, nil
	}
	return metav1.DeletePropagationForeground, nil
}

// FreeStatefulSets deletes the pods that keep StatefulSets of ours from being updated: a
// StatefulSet that starts its pods one after the other waits for a pod to become ready
// before it replaces any, also for one that never will in the revision that it has. It
// returns one Change for each deleted pod, and for each StatefulSet that failed.
func (a *Applier) FreeStatefulSets(ctx context.Context, refs []Ref) []Change {
	freed := make([][]Change, len(refs))
	a.forEach(ctx, refs, func(i int) Change {
		ctx, cancel := context.WithTimeout(ctx, a.opts.Timeout)
		defer cancel()
		var err error
		if freed[i], err = a.freeStatefulSet(ctx, refs[i]); err != nil {
			freed[i] = append(freed[i], failed(refs[i], err))
		}
		return Change{Ref: refs[i]}
	}, nil)
	return slices.Concat(freed...)
}

// observeTime is how long the controller may take to see a change.
const observeTime = 10 * time.Second

func (a *Applier) freeStatefulSet(ctx context.Context, ref Ref) (freed []Change, err error) {
	sets := a.conn.Typed().AppsV1().StatefulSets(ref.Namespace)
	var set *appsv1.StatefulSet
	err = wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, observeTime, true, func(ctx context.Context) (bool, error) {
		set, err = sets.Get(ctx, ref.Name, metav1.GetOptions{})
		return err == nil && set.Status.ObservedGeneration >= set.Generation, err
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		return nil, nil // nobody runs it here
	}
	switch {
	case err != nil:
		return nil, a.conn.Err(err)
	case set.Spec.PodManagementPolicy == appsv1.ParallelPodManagement,
		set.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType,
		set.Status.CurrentRevision == set.Status.UpdateRevision && set.Status.UpdatedReplicas == set.Status.Replicas:
		return nil, nil
	}
	pods, err := a.conn.Typed().CoreV1().Pods(ref.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: metav1.FormatLabelSelector(set.Spec.Selector), Limit: pageSize,
	})
	if err != nil {
		return nil, a.conn.Err(err)
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		if !metav1.IsControlledBy(p, set) || p.Labels[appsv1.ControllerRevisionHashLabelKey] == set.Status.UpdateRevision || !stuck(p) {
			continue
		}
		if err := a.deletePod(ctx, p); err != nil {
			return freed, a.conn.Err(err)
		}
		freed = append(freed, Change{
			Ref: Ref{GroupVersionKind: corev1.SchemeGroupVersion.WithKind("Pod"), Namespace: p.Namespace, Name: p.Name}, Action: Deleted, UID: p.UID,
			Message: "it could not start, and the StatefulSet waited for it",
		})
	}
	return freed, nil
}

// stuck reports whether a pod will not become ready by itself.
func stuck(p *corev1.Pod) bool {
	if p.DeletionTimestamp != nil {
		return false
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return true
		}
	}
	broken := func(c corev1.ContainerStatus) bool {
		w := c.State.Waiting
		return w != nil && (strings.HasSuffix(w.Reason, "BackOff") || strings.HasSuffix(w.Reason, "Error") ||
			strings.HasPrefix(w.Reason, "Err") || w.Reason == "InvalidImageName")
	}
	return p.Status.Phase == corev1.PodFailed || slices.ContainsFunc(slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses), broken)
}
