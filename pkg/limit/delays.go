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

// Failures are those of one key. The zero value is none.
type Failures struct {
	Count int
	Last  time.Time
}

// Try counts a failure at now in advance, so that concurrent tries are delayed
// like consecutive ones. It returns the failures that still counted before, and
// those with the try. While the key has to wait, it returns the remaining wait
// and counts nothing: a refused try makes no wait longer.
//
// Last may lie in the future, where another clock counted it: until now reaches
// it, the wait is the whole delay.
func (b Backoff) Try(f Failures, now time.Time) (before, tried Failures, wait time.Duration) {
	passed := max(0, now.Sub(f.Last))
	if passed >= b.ResetAfter {
		f = Failures{}
	}
	if wait := b.delay(f.Count) - passed; f.Count > 0 && wait > 0 {
		return f, f, wait
	}
	tried = Failures{f.Count + 1, now}
	if f.Last.After(now) {
		tried.Last = f.Last
	}
	return f, tried, 0
}

// Undo returns f without a try: the failures before it or, after further tries of
// others, one failure less.
func (f Failures) Undo(before, tried Failures) Failures {
	f.Count--
	if f.Count <= 0 {
		return Failures{}
	}
	if f.Last.Equal(tried.Last) {
		f.Last = before.Last
	}
	return f
}

// Delays counts failures by key in memory and makes a key wait longer and longer
// between tries. It is safe for concurrent use.
type Delays[K comparable] struct {
	backoff Backoff
	now     func() time.Time

	mu    sync.Mutex
	byKey *lru.Cache // of Failures
}

// NewDelays returns delays for at most keys keys at a time.
func NewDelays[K comparable](b Backoff, keys int, now func() time.Time) *Delays[K] {
	return &Delays[K]{backoff: b, now: now, byKey: lru.New(keys)}
}

// Try is Backoff.Try for key. The caller takes the failure back by calling undo
// once when the try succeeds. For a key that still has to wait, undo is nil.
func (d *Delays[K]) Try(key K) (undo func(), wait time.Duration) {
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	before, tried, wait := d.backoff.Try(d.get(key), now)
	if wait > 0 {
		return nil, wait
	}
	d.byKey.Add(key, tried)
	return func() { d.undo(key, before, tried) }, 0
}

func (d *Delays[K]) undo(key K, before, tried Failures) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if left := d.get(key).Undo(before, tried); left.Count > 0 {
		d.byKey.Add(key, left)
	} else {
		d.byKey.Remove(key)
	}
}

// get needs d.mu.
func (d *Delays[K]) get(key K) Failures {
	known, _ := d.byKey.Get(key)
	f, _ := known.(Failures)
	return f
}

// Clear forgets the failures of key.
func (d *Delays[K]) Clear(key K) { d.byKey.Remove(key) }
