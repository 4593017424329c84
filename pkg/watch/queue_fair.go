package watch

import "k8s.io/client-go/util/workqueue"

// NewFairQueue returns an empty queue that takes the groups of waiting keys in
// turn, so that a group with many keys delays the others by one key each round. It
// must be stopped.
func NewFairQueue[K comparable](group func(K) string) *Queue[K] {
	order := &roundRobin[K]{group: group, waiting: map[string][]K{}}
	return &Queue[K]{workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[K]{
		Queue: workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[K]{Queue: order}),
	})}
}

// roundRobin is a workqueue.Queue. The queue around it holds a lock during every
// call.
type roundRobin[K comparable] struct {
	group   func(K) string
	turns   []string // groups with waiting keys, the next one first
	waiting map[string][]K
	size    int
}

// Touch ignores that a waiting key is added again.
func (*roundRobin[K]) Touch(K) {}

// Push puts k behind the waiting keys of its group.
func (r *roundRobin[K]) Push(k K) {
	g := r.group(k)
	if len(r.waiting[g]) == 0 {
		r.turns = append(r.turns, g)
	}
	r.waiting[g] = append(r.waiting[g], k)
	r.size++
}

// Len returns the number of waiting keys.
func (r *roundRobin[K]) Len() int { return r.size }

// Pop returns the first key of the group whose turn it is.
func (r *roundRobin[K]) Pop() K {
	g := r.turns[0]
	keys := r.waiting[g]
	r.turns, r.size = r.turns[1:], r.size-1
	if len(keys) == 1 {
		delete(r.waiting, g)
	} else {
		r.waiting[g] = keys[1:]
		r.turns = append(r.turns, g)
	}
	return keys[0]
}
