package watch

import (
	"time"

	"k8s.io/client-go/util/workqueue"
)

// Queue holds keys to process. A key that is added several times before it is
// processed is processed once, and never by two goroutines at the same time. Its
// methods are safe for concurrent use.
type Queue[K comparable] struct {
	q workqueue.TypedDelayingInterface[K]
}

// NewQueue returns an empty queue, which must be stopped.
func NewQueue[K comparable]() *Queue[K] {
	return &Queue[K]{workqueue.NewTypedDelayingQueue[K]()}
}

// Add queues k for processing after a delay. Added several times, k is processed
// at the earliest of these times.
func (q *Queue[K]) Add(k K, after time.Duration) { q.q.AddAfter(k, after) }

// Work calls do for one key after the other until Stop is called. It may be called
// by several goroutines.
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

// Stop makes every Work return. Remaining keys are dropped.
func (q *Queue[K]) Stop() { q.q.ShutDown() }
