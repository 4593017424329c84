package middleware

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// Buckets holds a token bucket for each key. When key's bucket is empty, ok is
// false and wait is the time until it has a token.
type Buckets interface {
	Take(key string) (wait time.Duration, ok bool)
}

// RatePerClient limits the requests of each client network. Requests to routes
// whose patterns are in free are not counted.
func RatePerClient(b Buckets, free map[string]bool, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !free[c.FullPath()] {
			limit(c, b, models.ClientFrom(c.Request.Context()).Network(), fail)
		}
	}
}

// RatePerAccount limits the requests of each account, over all its addresses.
// It belongs after AuthMiddleware.
func RatePerAccount(b Buckets, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		id, _ := models.IdentityFrom(c.Request.Context())
		limit(c, b, id.UserID, fail)
	}
}

func limit(c *gin.Context, b Buckets, key string, fail Fail) {
	if wait, ok := b.Take(key); !ok {
		fail(c, models.TooSoon("middleware.rate", "too many requests", wait))
	}
}
