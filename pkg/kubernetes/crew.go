package kubernetes

import "sync"

// crew runs what has to come to its end even when nobody waits for it. It is
// safe for concurrent use.
type crew struct {
	mu     sync.Mutex
	closed bool
	all    sync.WaitGroup
}

// do runs f on its own, unless end was called.
func (c *crew) do(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.all.Go(f)
	return true
}

// end returns when everything has ended; nothing begins afterwards.
func (c *crew) end() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.all.Wait()
}
