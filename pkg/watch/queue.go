package watch

import (
	"time"

	"k8s.io/client-go/util/workqueue"
)

// Queue holds keys of things to look at. A key that is added several times
// before somebody takes it is handed out once, and never to two takers at the
// same time. Its methods may be called from many goroutines.
type Queue[K comparable] struct {
	q workqueue.TypedDelayingInterface[K]
}

// NewQueue returns an empty queue. Stop ends it.
func NewQueue[K comparable]() *Queue[K] {
	return &Queue[K]{workqueue.NewTypedDelayingQueue[K]()}
}

// Add hands k out after a delay, or earlier if it was added with an earlier
// time before. It never blocks for long.
func (q *Queue[K]) Add(k K, after time.Duration) { q.q.AddAfter(k, after) }

// Work calls do for one key after the other until Stop is called. It may run
// in several goroutines.
func (q *Queue[K]) Work(do func(K)) {
	for {
		k, stopped := q.q.Get()
		if stopped {
			return
		}
		do(k)
		q.q.Done(k)
	}
}

// Stop makes every Work return. Keys that are left are dropped.
func (q *Queue[K]) Stop() { q.q.ShutDown() }
