package run

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/pkg/kubernetes"
)

// memoryCluster holds objects in memory. apply, unless nil, is asked before
// each object and may block or fail.
type memoryCluster struct {
	apply  func(ctx context.Context, name string) error
	remove func(ctx context.Context) // asked before objects are deleted

	mu      sync.Mutex
	objects map[objectKey]*memoryObject
	listErr error
	listing func() // asked before objects are listed
	live    liveObjects
}

type memoryObject struct {
	ref   applier.Ref
	owner string
	text  string
	keys  []string
}

// uid is never the same in two clusters.
func (c *memoryCluster) uid(ref applier.Ref) types.UID {
	return types.UID(fmt.Sprintf("%p %s", c, ref))
}

func newMemoryCluster() *memoryCluster { return &memoryCluster{objects: map[objectKey]*memoryObject{}} }

func (c *memoryCluster) of(workflowID string) *memoryTarget { return &memoryTarget{c, workflowID} }

// names returns "Kind name" of all objects, sorted.
func (c *memoryCluster) names() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for _, o := range c.objects {
		names = append(names, o.ref.Kind+" "+o.ref.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

type memoryTarget struct {
	*memoryCluster

	owner string
}

func (t *memoryTarget) Refusals(_ context.Context, objects []*unstructured.Unstructured) []error {
	return make([]error, len(objects))
}

// Try accepts everything.
func (t *memoryTarget) Try(_ context.Context, reqs []applier.Request) []applier.Change {
	return make([]applier.Change, len(reqs))
}

// Survey knows nothing.
func (t *memoryTarget) Survey(context.Context, []applier.Ref, []metav1.PartialObjectMetadata) (*applier.Survey, error) {
	return nil, nil //nolint:nilnil // a nil survey knows nothing
}

func (t *memoryTarget) CheckOwners(_ context.Context, reqs []applier.Request) []error {
	return make([]error, len(reqs))
}

func (t *memoryTarget) ClaimUses(context.Context, []string) (map[string]applier.ClaimUse, error) {
	return nil, nil
}

func (t *memoryTarget) EnsureNamespaces(context.Context, []string, map[string]string) []applier.Change {
	return nil
}

func (t *memoryTarget) Apply(ctx context.Context, reqs []applier.Request, done func(int, applier.Change)) []applier.Change {
	changes := make([]applier.Change, len(reqs))
	for i, req := range reqs {
		ref := applier.RefOf(req.Object)
		err := ctx.Err()
		if err == nil && t.apply != nil {
			err = t.apply(ctx, ref.Name)
		}
		if err != nil {
			changes[i] = refused(ref, err)
		} else {
			changes[i] = t.put(ref, fmt.Sprint(req.Object.Object), nil)
			t.live.put(req.Object)
		}
		done(i, changes[i])
	}
	return changes
}

func refused(ref applier.Ref, err error) applier.Change {
	return applier.Change{Ref: ref, Action: applier.Failed, Message: ref.String() + ": " + kubernetes.Translate(err).Message, Err: err}
}

func (t *memoryTarget) put(ref applier.Ref, text string, keys []string) applier.Change {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.objects[keyOf(ref)]
	c := applier.Change{Ref: ref, Action: applier.Created, UID: t.uid(ref)}
	if old != nil {
		c.Action = applier.Unchanged
		if old.text != text {
			c.Action = applier.Configured
		}
		keys = append(keys, old.keys...)
	}
	t.objects[keyOf(ref)] = &memoryObject{ref: ref, owner: t.owner, text: text, keys: keys}
	return c
}

func (t *memoryTarget) ApplyValues(ctx context.Context, req applier.ValuesRequest) (applier.Change, applier.ValuesState) {
	ref := applier.RefOf(req.Object)
	if t.apply != nil {
		if err := t.apply(ctx, "values of "+ref.Name); err != nil {
			return refused(ref, err), applier.ValuesState{}
		}
	}
	t.mu.Lock()
	old := t.objects[keyOf(ref)]
	t.mu.Unlock()
	var keys []string
	for k, v := range req.Values {
		if v != "" {
			keys = append(keys, k)
		}
	}
	state := applier.ValuesState{Exists: old != nil || len(keys) > 0, Revision: strings.Join(keys, "")}
	for _, k := range req.Keys {
		if slices.Contains(keys, k) || old != nil && slices.Contains(old.keys, k) {
			state.Present = append(state.Present, k)
		} else {
			state.Missing = append(state.Missing, k)
		}
	}
	if !state.Exists {
		return applier.Change{Ref: ref, Action: applier.Skipped}, state
	}
	return t.put(ref, "", keys), state
}

func (t *memoryTarget) Delete(ctx context.Context, refs []applier.Ref, _ applier.DeleteOptions) []applier.Change {
	if t.remove != nil {
		t.remove(ctx)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	changes := make([]applier.Change, len(refs))
	for i, ref := range refs {
		changes[i] = applier.Change{Ref: ref, Action: applier.Unchanged}
		if err := ctx.Err(); err != nil {
			changes[i] = refused(ref, err)
		} else if t.objects[keyOf(ref)] != nil {
			changes[i].Action = applier.Deleted
			delete(t.objects, keyOf(ref))
		}
	}
	return changes
}

func (t *memoryTarget) Release(_ context.Context, refs []applier.Ref) []applier.Change {
	t.mu.Lock()
	defer t.mu.Unlock()
	changes := make([]applier.Change, len(refs))
	for i, ref := range refs {
		changes[i] = applier.Change{Ref: ref, Action: applier.Unchanged}
		if t.objects[keyOf(ref)] != nil {
			changes[i].UID = t.uid(ref)
		}
	}
	return changes
}

func (t *memoryTarget) FreeStatefulSets(context.Context, []applier.Ref) []applier.Change { return nil }

func (t *memoryTarget) ListOwned(
	_ context.Context, _ []schema.GroupVersionKind, _ applier.ListOptions,
) ([]metav1.PartialObjectMetadata, error) {
	if t.listing != nil {
		t.listing()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []metav1.PartialObjectMetadata
	for _, o := range t.objects {
		if o.owner == t.owner {
			m := metav1.PartialObjectMetadata{}
			m.SetGroupVersionKind(o.ref.GroupVersionKind)
			m.Namespace, m.Name, m.UID = o.ref.Namespace, o.ref.Name, t.uid(o.ref)
			m.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubeorch"}}
			list = append(list, m)
		}
	}
	return list, t.listErr
}
