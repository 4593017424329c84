package account

import (
	"crypto/sha256"
	"maps"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// identityAge is how long a token is believed without looking again, and
	// so how long the other servers on a database go on with what this one
	// has revoked. A page makes a dozen calls within this time.
	identityAge = 2 * time.Second
	// identityCount bounds the memory; beyond it the cache starts anew.
	identityCount = 10_000
)

// tokenKey stands for a token, so that the cache holds none.
type tokenKey [sha256.Size]byte

func keyOf(token string) tokenKey { return sha256.Sum256([]byte(token)) }

// identityCache spares most requests the check of their token and the look-up
// of their caller. The zero value is ready, and safe for concurrent use.
type identityCache struct {
	mu    sync.RWMutex
	seen  map[tokenKey]seenIdentity
	drops uint64
}

type seenIdentity struct {
	id    models.Identity
	until time.Time
}

// get returns whose token it is, if that is known. Otherwise drops is what put
// takes after the look-up that now begins.
func (c *identityCache) get(key tokenKey, now time.Time) (id models.Identity, drops uint64, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.seen[key]
	return e.id, c.drops, ok && now.Before(e.until)
}

// put keeps the outcome of a look-up, unless something was dropped since it
// began: what it found may be just that.
func (c *identityCache) put(key tokenKey, id models.Identity, until time.Time, drops uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drops != drops {
		return
	}
	if c.seen == nil || len(c.seen) >= identityCount {
		c.seen = make(map[tokenKey]seenIdentity)
	}
	c.seen[key] = seenIdentity{id, until}
}

// drop forgets the identities that match, also those that are being looked up.
func (c *identityCache) drop(match func(models.Identity) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	maps.DeleteFunc(c.seen, func(_ tokenKey, e seenIdentity) bool { return match(e.id) })
}
