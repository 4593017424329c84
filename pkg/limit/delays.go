package limit

import (
	"sync"
	"time"
)

// Growth says how the delay grows with failures.
type Growth struct {
	Free   int           // failures until the first delay
	First  time.Duration // the first delay; each further failure doubles it
	Most   time.Duration // where doubling ends
	Forget time.Duration // so long after the last failure they count no more; at least Most
}

// after returns how long a key has to wait after so many failures.
func (g Growth) after(failures int) time.Duration {
	if failures < g.Free {
		return 0
	}
	d := g.First
	for range failures - g.Free {
		if d *= 2; d >= g.Most {
			return g.Most
		}
	}
	return min(d, g.Most)
}

// Delays counts failures for each key and makes it wait ever longer between
// tries. It is safe for concurrent use.
type Delays[K comparable] struct {
	growth Growth
	now    func() time.Time

	mu   sync.Mutex
	seen recent[K, failures]
}

type failures struct {
	count int
	last  time.Time
}

// NewDelays returns delays for at most keys keys at a time.
func NewDelays[K comparable](g Growth, keys int, now func() time.Time) *Delays[K] {
	return &Delays[K]{growth: g, now: now, seen: newRecent[K, failures](keys)}
}

// Try counts a try that is taken for a failure until it is undone, so that
// many at once get no further than many in a row. undo may be called once. A
// key that has to wait yet gets wait and a nil undo, and nothing is counted:
// being refused makes nobody wait longer.
func (d *Delays[K]) Try(key K) (undo func(), wait time.Duration) {
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	before, known := d.seen.get(key)
	if known && now.Sub(before.last) >= d.growth.Forget {
		before = failures{}
	}
	if wait := d.growth.after(before.count) - now.Sub(before.last); known && wait > 0 {
		return nil, wait
	}
	tried := failures{before.count + 1, now}
	d.seen.put(key, tried)
	return func() { d.undo(key, before, tried) }, 0
}

// undo restores what was before a try, or, where others have tried since,
// takes one failure back.
func (d *Delays[K]) undo(key K, before, tried failures) {
	d.mu.Lock()
	defer d.mu.Unlock()
	is, known := d.seen.get(key)
	if !known {
		return
	}
	is.count--
	if is.last.Equal(tried.last) {
		is.last = before.last
	}
	if is.count <= 0 {
		d.seen.drop(key)
		return
	}
	d.seen.put(key, is)
}

// Clear forgets the failures of key.
func (d *Delays[K]) Clear(key K) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen.drop(key)
}
