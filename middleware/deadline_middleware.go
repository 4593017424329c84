package middleware

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// Deadline bounds how long a request may be read and its answer be written;
// 0 lifts the bounds, as streams need. It sets them for every request, because
// a connection keeps those of the request before.
func Deadline(d time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		var at time.Time
		if d > 0 {
			at = time.Now().Add(d)
		}
		rc := http.NewResponseController(c.Writer)
		// Writers without deadlines, as in tests, return an error.
		_ = rc.SetReadDeadline(at)
		_ = rc.SetWriteDeadline(at)
	}
}
