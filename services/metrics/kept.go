package metrics

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/kubeorch/core/models"
)

// kept keeps values that are dear to make. Each is made by one goroutine at a
// time, however many ask for it, and goes on when they leave. It is safe for
// concurrent use.
type kept[T any] struct {
	build  func(ctx context.Context, key string) (T, error)
	fresh  time.Duration // how old a value may be
	failed time.Duration // how long a failure is answered without trying again
	limit  time.Duration // for making one
	slots  *semaphore.Weighted

	mu      sync.Mutex
	ctx     context.Context //nolint:containedctx // of start; making is not part of any request
	entries map[string]*keptEntry[T]
	running sync.WaitGroup
}

type keptEntry[T any] struct {
	value  T
	at     time.Time // of the value; zero without one
	err    error     // of the last attempt
	tried  time.Time // when that ended
	asked  time.Time
	making chan struct{} // closed at the end of the present attempt; nil without one
}

// keptAtOnce is how many values are made at the same time.
const keptAtOnce = 16

func newKept[T any](fresh, failed, limit time.Duration, build func(ctx context.Context, key string) (T, error)) *kept[T] {
	return &kept[T]{
		build: build, fresh: fresh, failed: failed, limit: limit,
		slots: semaphore.NewWeighted(keptAtOnce), entries: map[string]*keptEntry[T]{},
	}
}

// start lets values be made until ctx ends; wait then returns when none is
// being made any more.
func (k *kept[T]) start(ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ctx = ctx
}

func (k *kept[T]) wait() {
	k.mu.Lock()
	k.ctx = nil
	k.mu.Unlock()
	k.running.Wait()
}

// get returns the value of key, or why there is none. It waits for one to be
// made until ctx ends.
func (k *kept[T]) get(ctx context.Context, key string) (value T, at time.Time, err error) {
	k.mu.Lock()
	e := k.entry(key)
	now := time.Now()
	e.asked = now
	switch {
	case e.at.After(now.Add(-k.fresh)):
		defer k.mu.Unlock()
		return e.value, e.at, nil
	case e.err != nil && e.tried.After(now.Add(-k.failed)):
		defer k.mu.Unlock()
		return value, e.at, e.err
	case e.making == nil && !k.begin(key, e):
		defer k.mu.Unlock()
		return value, e.at, &models.Error{Op: "metrics.kept.get", Kind: models.Unavailable, Msg: "the server is stopping"}
	}
	making := e.making
	k.mu.Unlock()
	select {
	case <-making:
	case <-ctx.Done():
		return value, time.Time{}, ctx.Err()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if e.err != nil {
		return value, e.at, e.err
	}
	return e.value, e.at, nil
}

// last returns the newest value of key, whatever its age.
func (k *kept[T]) last(key string) (value T, at time.Time, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.entries[key]
	if e == nil || e.at.IsZero() {
		return value, at, false
	}
	return e.value, e.at, true
}

func (k *kept[T]) entry(key string) *keptEntry[T] {
	e := k.entries[key]
	if e == nil {
		e = &keptEntry[T]{}
		k.entries[key] = e
	}
	return e
}

// begin needs k.mu.
func (k *kept[T]) begin(key string, e *keptEntry[T]) bool {
	if k.ctx == nil || k.ctx.Err() != nil {
		return false
	}
	ctx, making := k.ctx, make(chan struct{})
	e.making = making
	k.running.Go(func() {
		value, err := k.attempt(ctx, key)
		k.mu.Lock()
		defer k.mu.Unlock()
		now := time.Now()
		if e.making, e.err, e.tried = nil, err, now; err == nil {
			e.value, e.at = value, now
		}
		close(making)
	})
	return true
}

// attempt turns a panic into an error: bad data of one cluster must not end
// the process.
func (k *kept[T]) attempt(ctx context.Context, key string) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if err := k.slots.Acquire(ctx, 1); err != nil {
		return value, err
	}
	defer k.slots.Release(1)
	ctx, cancel := context.WithTimeout(ctx, k.limit)
	defer cancel()
	return k.build(ctx, key)
}

// forget drops values that nobody has asked for since.
func (k *kept[T]) forget(since time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, e := range k.entries {
		if e.making == nil && e.asked.Before(since) {
			delete(k.entries, key)
		}
	}
}
