package limit

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate says how often: so many a second in the long run, and Burst at once.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Buckets holds a token bucket for each key. It is safe for concurrent use.
//
// A key that was forgotten begins with a full bucket. That is worth nothing to
// somebody who wants more than his rate: to have a key forgotten he needs at
// least half of all keys, each of which has a full bucket of its own.
type Buckets[K comparable] struct {
	rate Rate
	now  func() time.Time

	mu   sync.Mutex
	seen recent[K, *rate.Limiter]
}

// NewBuckets returns buckets for at most keys keys at a time. A rate of 0 gives
// nil, which limits nothing.
func NewBuckets[K comparable](r Rate, keys int, now func() time.Time) *Buckets[K] {
	if r.PerSecond <= 0 {
		return nil
	}
	return &Buckets[K]{rate: r, now: now, seen: newRecent[K, *rate.Limiter](keys)}
}

// Take takes a token from key's bucket. Where there is none, ok is false and
// wait is how long until there is one.
func (b *Buckets[K]) Take(key K) (wait time.Duration, ok bool) {
	if b == nil {
		return 0, true
	}
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	bucket, known := b.seen.get(key)
	if !known {
		bucket = rate.NewLimiter(rate.Limit(b.rate.PerSecond), b.rate.Burst)
		b.seen.put(key, bucket)
	}
	if bucket.AllowN(now, 1) {
		return 0, true
	}
	lacking := 1 - bucket.TokensAt(now)
	return time.Duration(lacking / b.rate.PerSecond * float64(time.Second)), false
}
