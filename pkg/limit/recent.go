// Package limit bounds how often something may be tried: keyed token buckets,
// and delays that grow with failures. Memory is bounded; keys are forgotten,
// the longest unused ones first, when there are too many.
package limit

// recent is a map of at most 2*half keys. It consists of two generations: when
// the young one is full it becomes the old one, and the old one is forgotten.
// The half keys used last are thus always there, and so may be as many again.
// It is not safe for concurrent use.
type recent[K comparable, V any] struct {
	half       int
	young, old map[K]V
}

func newRecent[K comparable, V any](size int) recent[K, V] {
	return recent[K, V]{half: max(1, size/2), young: map[K]V{}}
}

// get returns what is known of k, which thereby counts as used.
func (r *recent[K, V]) get(k K) (V, bool) {
	if v, ok := r.young[k]; ok {
		return v, true
	}
	v, ok := r.old[k]
	if ok {
		delete(r.old, k)
		r.put(k, v)
	}
	return v, ok
}

func (r *recent[K, V]) put(k K, v V) {
	if _, known := r.young[k]; !known && len(r.young) >= r.half {
		r.young, r.old = map[K]V{}, r.young
	}
	r.young[k] = v
}

func (r *recent[K, V]) drop(k K) {
	delete(r.young, k)
	delete(r.old, k)
}

func (r *recent[K, V]) len() int { return len(r.young) + len(r.old) }
