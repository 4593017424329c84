// Package servicetest holds what the tests of several services need.
package servicetest

import (
	"sync/atomic"
	"time"

	"github.com/kubeorch/core/models"
)

// Clock is a clock that only tests move. It is safe for concurrent use.
type Clock struct{ at atomic.Pointer[time.Time] }

// NewClock returns a clock that stands at the present.
func NewClock() *Clock {
	c := &Clock{}
	at := models.Now()
	c.at.Store(&at)
	return c
}

// Now returns the time at which the clock stands.
func (c *Clock) Now() time.Time { return *c.at.Load() }

// Move puts the clock forward by d.
func (c *Clock) Move(d time.Duration) {
	at := c.Now().Add(d)
	c.at.Store(&at)
}
