package middleware

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// Slots limits how much of something each key has at the same time.
type Slots interface {
	Take(key string) (release func(), ok bool)
}

// streamRetry is what a refused reader is told to wait.
const streamRetry = 10 * time.Second

// LimitStreams limits how many streams an account, and a client network, have open
// at the same time. It belongs after GuardSession: a stream counts until its guard
// is released.
func LimitStreams(accounts, clients Slots, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx := c.Request.Context()
		id, _ := models.IdentityFrom(ctx)
		guard := models.SessionGuardFrom(ctx)
		for _, l := range []struct {
			slots    Slots
			key, msg string
		}{
			{accounts, id.UserID, "your account has too many streams open; close some of its pages or programs"},
			{clients, models.ClientFrom(ctx).Network(), "too many streams are open from this address"},
		} {
			release, ok := l.slots.Take(l.key)
			if !ok {
				fail(c, models.TooSoon("middleware.LimitStreams", l.msg, streamRetry))
				return
			}
			guard.OnRelease(release)
		}
	}
}
