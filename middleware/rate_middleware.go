package middleware

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// Buckets holds a token bucket for each key. Where key's is empty, ok is false
// and wait is how long until there is a token.
type Buckets interface {
	Take(key string) (wait time.Duration, ok bool)
}

// RatePerClient bounds the requests of one client, known by its address.
// Requests to routes in free, by their patterns, are not counted.
func RatePerClient(b Buckets, free map[string]bool, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !free[c.FullPath()] {
			take(c, b, models.ClientFrom(c.Request.Context()).Network(), fail)
		}
	}
}

// RatePerAccount bounds the requests of one account, from however many
// addresses they come. It belongs behind AuthMiddleware.
func RatePerAccount(b Buckets, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		id, _ := models.IdentityFrom(c.Request.Context())
		take(c, b, id.UserID, fail)
	}
}

func take(c *gin.Context, b Buckets, key string, fail Fail) {
	if wait, ok := b.Take(key); !ok {
		fail(c, models.TooSoon("middleware.rate", "too many requests", wait))
	}
}
