package watch

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// entry is the extract of an object.
type entry[T any] struct {
	key
	group string
	value T
}

type key struct{ namespace, name string }

// GetObjectMeta lets client-go find the entry's key.
func (e *entry[T]) GetObjectMeta() metav1.Object {
	return &metav1.ObjectMeta{Namespace: e.namespace, Name: e.name}
}

// store holds the extracts of the objects that a reflector reads.
type store[T any] struct {
	opts Options[T]

	mu     sync.RWMutex
	byKey  map[key]*entry[T]
	groups map[string][]*entry[T]
	synced bool
	listed *objectCount // of a list that is sent by watch
}

func newStore[T any](o Options[T]) *store[T] {
	return &store[T]{opts: o, byKey: make(map[key]*entry[T]), groups: make(map[string][]*entry[T])}
}

// Transformer returns the function by which the reflector reduces the objects of a
// list as they arrive. The reflector drops objects for which it fails; Replace
// then refuses the list.
func (s *store[T]) Transformer() cache.TransformFunc {
	listed := &objectCount{}
	s.mu.Lock()
	s.listed = listed
	s.mu.Unlock()
	return func(obj any) (any, error) {
		if err := listed.add(1); err != nil {
			return nil, err
		}
		return s.reduce(obj)
	}
}

// reduce returns the entry of an object. It returns an entry as it is.
func (s *store[T]) reduce(obj any) (*entry[T], error) {
	switch o := obj.(type) {
	case *entry[T]:
		return o, nil
	case metav1.Object:
		group, value := s.opts.Extract(o)
		return &entry[T]{key{o.GetNamespace(), o.GetName()}, group, value}, nil
	}
	return nil, fmt.Errorf("cannot keep a %T", obj)
}

// Add stores an object, in place of one with the same name.
func (s *store[T]) Add(obj any) error { return s.Update(obj) }

// Update stores an object, in place of one with the same name.
func (s *store[T]) Update(obj any) error {
	e, err := s.reduce(obj)
	if err != nil {
		return err
	}
	if e.group == "" {
		s.remove(e.key)
		return nil
	}
	s.mu.Lock()
	old := s.byKey[e.key]
	if old == nil && len(s.byKey) >= maxObjects {
		s.mu.Unlock()
		return fmt.Errorf("watch: %s is more than the %d objects that are kept", e.name, maxObjects)
	}
	if old != nil {
		s.ungroup(old)
		e.key = old.key // shares the strings
	}
	s.byKey[e.key] = e
	s.groups[e.group] = append(s.groups[e.group], e)
	s.mu.Unlock()

	if old != nil && old.group != e.group {
		s.opts.Changed(old.group)
	}
	s.opts.Changed(e.group)
	return nil
}

// Delete removes an object.
func (s *store[T]) Delete(obj any) error {
	o, ok := obj.(metav1.Object)
	if !ok {
		return fmt.Errorf("cannot delete a %T", obj)
	}
	s.remove(key{o.GetNamespace(), o.GetName()})
	return nil
}

func (s *store[T]) remove(k key) {
	s.mu.Lock()
	e := s.byKey[k]
	if e != nil {
		delete(s.byKey, k)
		s.ungroup(e)
	}
	s.mu.Unlock()
	if e != nil {
		s.opts.Changed(e.group)
	}
}

// ungroup needs s.mu.
func (s *store[T]) ungroup(e *entry[T]) {
	rest := slices.DeleteFunc(s.groups[e.group], func(other *entry[T]) bool { return other == e })
	if len(rest) == 0 {
		delete(s.groups, e.group)
		return
	}
	s.groups[e.group] = rest
}

// Replace stores a complete list of objects in place of all present ones.
func (s *store[T]) Replace(list []any, _ string) error {
	s.mu.Lock()
	listed := s.listed
	s.listed = nil // the next list may be read page by page
	s.mu.Unlock()
	if listed != nil {
		if err := listed.add(0); err != nil {
			return err
		}
	}
	byKey := make(map[key]*entry[T], len(list))
	groups := make(map[string][]*entry[T])
	for _, obj := range list {
		e, err := s.reduce(obj)
		if err != nil {
			return err
		}
		if e.group == "" {
			continue
		}
		byKey[e.key] = e
		groups[e.group] = append(groups[e.group], e)
	}
	s.mu.Lock()
	before := s.groups
	s.byKey, s.groups, s.synced = byKey, groups, true
	s.mu.Unlock()

	for name := range before {
		if _, again := groups[name]; !again {
			s.opts.Changed(name)
		}
	}
	for name := range groups {
		s.opts.Changed(name)
	}
	if s.opts.Synced != nil {
		s.opts.Synced()
	}
	return nil
}

// Resync does nothing, since unchanged objects need no processing.
func (s *store[T]) Resync() error { return nil }

func (s *store[T]) group(name string) []T {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]T, 0, len(s.groups[name]))
	for _, e := range s.groups[name] {
		list = append(list, e.value)
	}
	return list
}

func (s *store[T]) get(namespace, name string) (value T, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.byKey[key{namespace, name}]
	if e == nil {
		return value, false
	}
	return e.value, true
}

func (s *store[T]) groupNames() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Collect(maps.Keys(s.groups))
}

func (s *store[T]) names(group string) []types.NamespacedName {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]types.NamespacedName, 0, len(s.groups[group]))
	for _, e := range s.groups[group] {
		list = append(list, types.NamespacedName{Namespace: e.namespace, Name: e.name})
	}
	return list
}

func (s *store[T]) groupOf(namespace, name string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e := s.byKey[key{namespace, name}]; e != nil {
		return e.group
	}
	return ""
}

func (s *store[T]) len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.byKey)
}

func (s *store[T]) isSynced() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.synced
}
