package limit

import "sync"

// Pool hands out parts of a total, such as bytes of memory, of which each key
// has at most its share. It is safe for concurrent use.
type Pool[K comparable] struct {
	total, share int64

	mu    sync.Mutex
	used  int64
	byKey map[K]int64 // only of keys that have taken something
}

// NewPool returns a pool of total, of which a key may have share.
func NewPool[K comparable](total, share int64) *Pool[K] {
	return &Pool[K]{total: total, share: share, byKey: map[K]int64{}}
}

// Take takes n on the account of each of keys. It takes nothing, and ok is
// false, when that exceeds the total or the share of a key; own tells that it
// is a share. What was taken must be given back.
func (p *Pool[K]) Take(n int64, keys ...K) (ok, own bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range keys {
		if p.byKey[k]+n > p.share {
			return false, true
		}
	}
	if p.used+n > p.total {
		return false, false
	}
	p.used += n
	for _, k := range keys {
		p.byKey[k] += n
	}
	return true, false
}

// Give gives back what Take took with the same keys.
func (p *Pool[K]) Give(n int64, keys ...K) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used -= n
	for _, k := range keys {
		if p.byKey[k] -= n; p.byKey[k] <= 0 {
			delete(p.byKey, k)
		}
	}
}
