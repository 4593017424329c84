package limit

import (
	"sync"

	"k8s.io/utils/lru"
)

// Cache holds values up to a number of bytes, and drops the least recently used
// ones. It is safe for concurrent use.
type Cache[V any] struct {
	limit  int
	values *lru.Cache // of sized values, by their keys

	mu   sync.Mutex // held by Put
	size int        // bytes of all values
}

type sized[V any] struct {
	value V
	bytes int
}

// NewCache returns an empty cache of that many bytes.
func NewCache[V any](limit int) *Cache[V] {
	c := &Cache[V]{limit: limit}
	c.values = lru.NewWithEvictionFunc(0, func(_ lru.Key, dropped any) {
		c.size -= dropped.(sized[V]).bytes
	})
	return c
}

// Get returns the value that was put for key, unless it was dropped.
func (c *Cache[V]) Get(key string) (v V, ok bool) {
	found, _ := c.values.Get(key)
	one, ok := found.(sized[V])
	return one.value, ok
}

// Put stores a value of that many bytes for key, unless it would fill a quarter of
// the cache. What was stored for key is dropped either way.
func (c *Cache[V]) Put(key string, v V, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values.Remove(key)
	if bytes > c.limit/4 {
		return
	}
	c.values.Add(key, sized[V]{v, bytes})
	c.size += bytes
	for c.size > c.limit {
		c.values.RemoveOldest()
	}
}
