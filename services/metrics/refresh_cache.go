package metrics

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/panics"
)

// refreshCache holds values that are expensive to build. A key is built by one
// goroutine at a time, which goes on when its callers leave, and is awaited when
// the server stops. While a build fails, the last value stays readable and the
// failure is answered for a shorter time: caches of libraries offer each of these,
// none all of them. It is safe for concurrent use.
type refreshCache[T any] struct {
	build  func(ctx context.Context, key string) (T, error)
	fresh  time.Duration // how old a value may be
	failed time.Duration // how long a failure is answered before the next attempt
	limit  time.Duration // for one build
	slots  *semaphore.Weighted

	mu      sync.Mutex
	ctx     context.Context //nolint:containedctx // of start; builds are part of no request
	entries map[string]*cacheEntry[T]
	running sync.WaitGroup
}

type cacheEntry[T any] struct {
	value    T
	builtAt  time.Time     // zero without a value
	err      error         // of the last attempt
	triedAt  time.Time     // when the last attempt ended
	askedAt  time.Time     // when the key was read last
	building chan struct{} // closed at the end of the present attempt; nil without one
}

// buildsAtOnce is how many keys are built at the same time.
const buildsAtOnce = 16

func newRefreshCache[T any](
	fresh, failed, limit time.Duration, build func(ctx context.Context, key string) (T, error),
) *refreshCache[T] {
	return &refreshCache[T]{
		build: build, fresh: fresh, failed: failed, limit: limit,
		slots: semaphore.NewWeighted(buildsAtOnce), entries: map[string]*cacheEntry[T]{},
	}
}

// start permits builds until ctx ends; wait then returns when the last one has
// ended.
func (c *refreshCache[T]) start(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ctx = ctx
}

func (c *refreshCache[T]) wait() {
	c.mu.Lock()
	c.ctx = nil
	c.mu.Unlock()
	c.running.Wait()
}

// get returns the value of key and when it was built. It waits for a build until
// ctx ends.
func (c *refreshCache[T]) get(ctx context.Context, key string) (value T, at time.Time, err error) {
	c.mu.Lock()
	e := c.entry(key)
	now := time.Now()
	e.askedAt = now
	switch {
	case e.builtAt.After(now.Add(-c.fresh)):
		defer c.mu.Unlock()
		return e.value, e.builtAt, nil
	case e.err != nil && e.triedAt.After(now.Add(-c.failed)):
		defer c.mu.Unlock()
		return value, e.builtAt, e.err
	case e.building == nil && !c.begin(key, e):
		defer c.mu.Unlock()
		return value, e.builtAt, &models.Error{Op: "metrics.refreshCache.get", Kind: models.Unavailable, Msg: "the server is stopping"}
	}
	building := e.building
	c.mu.Unlock()
	select {
	case <-building:
	case <-ctx.Done():
		return value, time.Time{}, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.err != nil {
		return value, e.builtAt, e.err
	}
	return e.value, e.builtAt, nil
}

// last returns the newest value of key, whatever its age.
func (c *refreshCache[T]) last(key string) (value T, at time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil || e.builtAt.IsZero() {
		return value, at, false
	}
	return e.value, e.builtAt, true
}

func (c *refreshCache[T]) entry(key string) *cacheEntry[T] {
	e := c.entries[key]
	if e == nil {
		e = &cacheEntry[T]{}
		c.entries[key] = e
	}
	return e
}

// begin needs c.mu.
func (c *refreshCache[T]) begin(key string, e *cacheEntry[T]) bool {
	if c.ctx == nil || c.ctx.Err() != nil {
		return false
	}
	ctx, building := c.ctx, make(chan struct{})
	e.building = building
	c.running.Go(func() {
		value, err := c.attempt(ctx, key)
		c.mu.Lock()
		defer c.mu.Unlock()
		now := time.Now()
		if e.building, e.err, e.triedAt = nil, err, now; err == nil {
			e.value, e.builtAt = value, now
		}
		close(building)
	})
	return true
}

// attempt builds a value. A panic becomes an error, since bad data of one cluster
// must not end the process.
func (c *refreshCache[T]) attempt(ctx context.Context, key string) (value T, err error) {
	if err := c.slots.Acquire(ctx, 1); err != nil {
		return value, err
	}
	defer c.slots.Release(1)
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	err = panics.ToError(func() (err error) { value, err = c.build(ctx, key); return err })
	return value, err
}

// forget drops the keys that were not read since.
func (c *refreshCache[T]) forget(since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, e := range c.entries {
		if e.building == nil && e.askedAt.Before(since) {
			delete(c.entries, key)
		}
	}
}
