// Package limit bounds how often something may be tried: token buckets by key,
// and delays by key that grow with failures. Memory is bounded: the least
// recently used keys are forgotten when there are too many.
package limit

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"
)

// Rate allows PerSecond tries a second in the long run, and Burst at once.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Buckets holds a token bucket for each key. It is safe for concurrent use.
//
// A key that was forgotten begins with a full bucket. An attacker gains nothing
// by that: to have a key forgotten takes as many others as Buckets holds, each
// of which has a full bucket anyway.
type Buckets[K comparable] struct {
	rate Rate
	now  func() time.Time

	mu    sync.Mutex
	byKey *lru.Cache // of *rate.Limiter
}

// NewBuckets returns buckets for at most keys keys at a time. For a rate of 0 it
// returns nil, which limits nothing.
func NewBuckets[K comparable](r Rate, keys int, now func() time.Time) *Buckets[K] {
	if r.PerSecond <= 0 {
		return nil
	}
	return &Buckets[K]{rate: r, now: now, byKey: lru.New(keys)}
}

// Take takes a token from the bucket of key. If there is none, ok is false and
// wait is the time until there is one.
func (b *Buckets[K]) Take(key K) (wait time.Duration, ok bool) {
	if b == nil {
		return 0, true
	}
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	bucket := b.bucket(key)
	if bucket.AllowN(now, 1) {
		return 0, true
	}
	lacking := 1 - bucket.TokensAt(now)
	return time.Duration(lacking / b.rate.PerSecond * float64(time.Second)), false
}

// bucket needs b.mu.
func (b *Buckets[K]) bucket(key K) *rate.Limiter {
	if known, ok := b.byKey.Get(key); ok {
		return known.(*rate.Limiter)
	}
	fresh := rate.NewLimiter(rate.Limit(b.rate.PerSecond), b.rate.Burst)
	b.byKey.Add(key, fresh)
	return fresh
}
