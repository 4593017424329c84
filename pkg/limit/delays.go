package limit

import (
	"sync"
	"time"

	"k8s.io/utils/lru"
)

// Backoff tells how the delay grows with failures.
type Backoff struct {
	Free       int           // failures without a delay
	Initial    time.Duration // the first delay; each further failure doubles it
	Max        time.Duration // the longest delay
	ResetAfter time.Duration // time after the last failure at which all are forgotten; at least Max
}

// delay returns the delay after so many failures.
func (b Backoff) delay(failures int) time.Duration {
	if failures < b.Free {
		return 0
	}
	d := b.Initial
	for range failures - b.Free {
		if d *= 2; d >= b.Max {
			return b.Max
		}
	}
	return min(d, b.Max)
}

// Delays counts failures by key and makes a key wait longer and longer between
// tries. It is safe for concurrent use.
type Delays[K comparable] struct {
	backoff Backoff
	now     func() time.Time

	mu    sync.Mutex
	byKey *lru.Cache // of failures
}

type failures struct {
	count int
	last  time.Time
}

// NewDelays returns delays for at most keys keys at a time.
func NewDelays[K comparable](b Backoff, keys int, now func() time.Time) *Delays[K] {
	return &Delays[K]{backoff: b, now: now, byKey: lru.New(keys)}
}

// Try counts a failure in advance, so that concurrent tries are delayed like
// consecutive ones. The caller takes it back by calling undo once when the try
// succeeds. For a key that still has to wait, Try returns the remaining wait and
// a nil undo and counts nothing: a refused try makes no wait longer.
func (d *Delays[K]) Try(key K) (undo func(), wait time.Duration) {
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	before, known := d.get(key)
	if known && now.Sub(before.last) >= d.backoff.ResetAfter {
		before = failures{}
	}
	if wait := d.backoff.delay(before.count) - now.Sub(before.last); known && wait > 0 {
		return nil, wait
	}
	tried := failures{before.count + 1, now}
	d.byKey.Add(key, tried)
	return func() { d.undo(key, before, tried) }, 0
}

// undo restores the failures before a try or, after further tries of others,
// takes one failure back.
func (d *Delays[K]) undo(key K, before, tried failures) {
	d.mu.Lock()
	defer d.mu.Unlock()
	current, known := d.get(key)
	if !known {
		return
	}
	current.count--
	if current.last.Equal(tried.last) {
		current.last = before.last
	}
	if current.count <= 0 {
		d.byKey.Remove(key)
		return
	}
	d.byKey.Add(key, current)
}

// get needs d.mu.
func (d *Delays[K]) get(key K) (failures, bool) {
	known, ok := d.byKey.Get(key)
	if !ok {
		return failures{}, false
	}
	return known.(failures), true
}

// Clear forgets the failures of key.
func (d *Delays[K]) Clear(key K) { d.byKey.Remove(key) }
