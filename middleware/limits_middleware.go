package middleware

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// BodyLimit refuses bodies of more than n bytes: at once when the length is
// announced, else when reading passes n.
func BodyLimit(n int64, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.Request.ContentLength > n {
			// The rest of the body is not read, so the connection is of no further use.
			c.Header("Connection", "close")
			fail(c, refuse(models.TooLarge, fmt.Sprintf("the body is larger than %d bytes", n)))
			return
		}
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, n)
	}
}

// Deadline bounds how long a request may be read and its answer be written;
// 0 lifts the bounds, as streams need. It sets them for every request, since
// those of the last one on the same connection would still hold.
func Deadline(d time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		var at time.Time
		if d > 0 {
			at = time.Now().Add(d)
		}
		rc := http.NewResponseController(c.Writer)
		// A writer without deadlines, as tests use, has nothing to bound.
		_ = rc.SetReadDeadline(at)
		_ = rc.SetWriteDeadline(at)
	}
}
