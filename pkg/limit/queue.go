package limit

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Queue lets work begin while the weights of what goes on stay within a total.
// Of each key at most its share goes on; what exceeds the share waits behind
// the other work of its key and in nobody else's way. It is safe for concurrent
// use.
type Queue[K comparable] struct {
	share int64
	total *semaphore.Weighted

	mu    sync.Mutex
	byKey map[K]*lane // only of keys that have work
}

// lane is the work of one key.
type lane struct {
	share *semaphore.Weighted
	work  int // that goes on or waits
}

// NewQueue returns a queue for work of weight total, and share of each key. The
// share must not exceed the total.
func NewQueue[K comparable](total, share int64) *Queue[K] {
	return &Queue[K]{share: share, total: semaphore.NewWeighted(total), byKey: map[K]*lane{}}
}

// Begin waits until work of weight n may begin, or ctx ends, which is the only
// error. A weight above the share counts as the share, so that such work goes
// on by itself. The caller calls end once when the work has ended.
func (q *Queue[K]) Begin(ctx context.Context, key K, n int64) (end func(), err error) {
	n = min(n, q.share)
	l := q.join(key)
	if err := l.share.Acquire(ctx, n); err != nil {
		q.leave(key, l)
		return nil, err
	}
	if err := q.total.Acquire(ctx, n); err != nil {
		l.share.Release(n)
		q.leave(key, l)
		return nil, err
	}
	return func() {
		q.total.Release(n)
		l.share.Release(n)
		q.leave(key, l)
	}, nil
}

func (q *Queue[K]) join(key K) *lane {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.byKey[key]
	if l == nil {
		l = &lane{share: semaphore.NewWeighted(q.share)}
		q.byKey[key] = l
	}
	l.work++
	return l
}

func (q *Queue[K]) leave(key K, l *lane) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l.work--; l.work == 0 {
		delete(q.byKey, key)
	}
}
