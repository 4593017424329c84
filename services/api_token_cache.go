package services

import (
	"sync"
	"time"

	"github.com/kubeorch/core/models"
)

const (
	// apiTokenAge is how long another process may take to notice that a token
	// was revoked.
	apiTokenAge = 2 * time.Second
	// apiTokenCount bounds the memory; beyond it the cache starts anew.
	apiTokenCount = 10_000
)

// apiTokenCache spares most requests of a script the look-up of its token, and
// knows when the last use of each was stored. The zero value is ready, and
// safe for concurrent use.
type apiTokenCache struct {
	mu      sync.Mutex
	turn    int // counts the calls of forget
	seen    map[string]seenAPIToken
	touched map[string]time.Time // by id
}

type seenAPIToken struct {
	token models.APIToken
	until time.Time
}

// get returns the token with a hash. turn is for put.
func (c *apiTokenCache) get(hash string, now time.Time) (t models.APIToken, ok bool, turn int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.seen[hash]
	return e.token, ok && now.Before(e.until), c.turn
}

// put keeps t, unless tokens were revoked since turn: it may have been read
// before that.
func (c *apiTokenCache) put(t models.APIToken, now time.Time, turn int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if turn != c.turn {
		return
	}
	if c.seen == nil || len(c.seen) >= apiTokenCount {
		c.seen = make(map[string]seenAPIToken)
	}
	c.seen[t.Hash] = seenAPIToken{t, now.Add(apiTokenAge)}
}

func (c *apiTokenCache) forget(revoked func(models.APIToken) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn++
	for hash, e := range c.seen {
		if revoked(e.token) {
			delete(c.seen, hash)
		}
	}
}

// due reports whether the use of t should be stored now, to one caller.
func (c *apiTokenCache) due(t models.APIToken, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, ok := c.touched[t.ID]
	if !ok && t.LastUsedAt != nil {
		last = *t.LastUsedAt
	}
	if now.Sub(last) < apiTokenTouch {
		return false
	}
	if c.touched == nil || len(c.touched) >= apiTokenCount {
		c.touched = make(map[string]time.Time)
	}
	c.touched[t.ID] = now
	return true
}
