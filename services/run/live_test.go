package run

import (
	"context"
	"errors"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/pkg/applier"
)

// liveObjects are the objects that were applied to a memory cluster, as they are read
// from it. Workloads have their pods at once, unless they are sick.
type liveObjects struct {
	mu      sync.Mutex
	objects map[objectKey]*unstructured.Unstructured
	sick    map[string]bool // by name
	looks   int
	away    bool
}

func (l *liveObjects) put(o *unstructured.Unstructured) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.objects == nil {
		l.objects = map[objectKey]*unstructured.Unstructured{}
	}
	l.objects[keyOf(applier.RefOf(o))] = o.DeepCopy()
}

// ail makes workloads of these names lack their pods from now on, and no others.
func (l *liveObjects) ail(names ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sick = map[string]bool{}
	for _, name := range names {
		l.sick[name] = true
	}
}

func (l *liveObjects) looked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.looks
}

// Each visits the objects of the given kinds.
func (t *memoryTarget) Each(
	ctx context.Context, gvks []schema.GroupVersionKind, _ applier.ListOptions, visit func(*unstructured.Unstructured),
) error {
	l := &t.live
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looks++
	if l.away {
		return errors.New("no answer")
	}
	for key, o := range l.objects {
		if slices.ContainsFunc(gvks, func(gvk schema.GroupVersionKind) bool { return gvk.Kind == key.kind }) {
			o = o.DeepCopy()
			o.Object["status"] = l.statusOf(o)
			visit(o)
		}
	}
	return ctx.Err()
}

func (l *liveObjects) statusOf(o *unstructured.Unstructured) map[string]any {
	n := int64(1)
	if l.sick[o.GetName()] {
		n = 0
	}
	condition := func(kind, status string) any {
		return map[string]any{"type": kind, "status": status, "reason": "Test", "message": "as the test says"}
	}
	if o.GetKind() == "Job" {
		if n == 0 {
			return map[string]any{"failed": int64(1), "conditions": []any{condition("Failed", "True")}}
		}
		return map[string]any{"succeeded": n, "conditions": []any{condition("Complete", "True")}}
	}
	return map[string]any{
		"replicas": n, "readyReplicas": n, "updatedReplicas": n, "availableReplicas": n, "observedGeneration": o.GetGeneration(),
		"conditions": []any{condition("Available", "True"), condition("Progressing", "True")},
	}
}
