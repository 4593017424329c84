package account

import (
	"crypto/sha256"
	"maps"
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// identityAge is how long an identity is cached, by a server that is alone. A
	// page of the frontend makes a dozen calls within this time.
	identityAge = 2 * time.Second
	// identityCount bounds the memory; the full cache starts anew.
	identityCount = 10_000
)

// tokenKey is the hash of a token, so that the cache holds no tokens.
type tokenKey [sha256.Size]byte

func keyOf(token string) tokenKey { return sha256.Sum256([]byte(token)) }

// identityCache holds the identities behind tokens for identityAge. An LRU library
// does not replace it: put must know whether anything was dropped since the look-up
// began. The zero value is ready, and safe for concurrent use.
type identityCache struct {
	mu    sync.RWMutex
	seen  map[tokenKey]seenIdentity
	drops uint64
}

type seenIdentity struct {
	id    models.Identity
	until time.Time
}

// get returns the identity behind a token, if it is cached. Otherwise the caller
// looks it up and passes drops to put.
func (c *identityCache) get(key tokenKey, now time.Time) (id models.Identity, drops uint64, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.seen[key]
	return e.id, c.drops, ok && now.Before(e.until)
}

// put caches the outcome of a look-up, unless something was dropped since get:
// the outcome may be what was dropped.
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

// drop removes the identities that match, also those that are being looked up.
func (c *identityCache) drop(match func(models.Identity) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	maps.DeleteFunc(c.seen, func(_ tokenKey, e seenIdentity) bool { return match(e.id) })
}
