package services

import (
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// identityAge is how long an account's role is believed without looking
	// again. A page makes a dozen calls within this time.
	identityAge = 2 * time.Second
	// identityCount bounds the memory; beyond it the cache starts anew.
	identityCount = 10_000
)

// identityCache spares most requests the look-up of their caller. The zero
// value is ready, and safe for concurrent use.
type identityCache struct {
	mu   sync.Mutex
	seen map[string]seenIdentity
}

type seenIdentity struct {
	id    models.Identity
	until time.Time
}

func (c *identityCache) get(userID string, now time.Time) (models.Identity, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.seen[userID]
	return e.id, ok && now.Before(e.until)
}

func (c *identityCache) put(id models.Identity, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil || len(c.seen) >= identityCount {
		c.seen = make(map[string]seenIdentity)
	}
	c.seen[id.UserID] = seenIdentity{id, now.Add(identityAge)}
}
