package middleware

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// serverDrains is how much of an unread body net/http reads by itself after the
// answer, to keep the connection. Beyond that it closes the connection.
const serverDrains = 256 << 10

// BodyLimit refuses bodies of more than n bytes: at once when Content-Length
// says so, else when reading passes n. The unread rest of a body that was
// answered early is read and dropped, since a client that is still sending
// would lose the answer with the connection.
func BodyLimit(n int64, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.Request.ContentLength > n {
			// The rest of the body may stay unread, and then the connection cannot be used again.
			c.Header("Connection", "close")
			fail(c, refuse(models.TooLarge, fmt.Sprintf("the body is larger than %d bytes", n)))
			drain(c, n)
			return
		}
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, n)
		c.Next()
		closing := c.Request.Close && c.Request.ContentLength != 0
		if (closing || c.Request.ContentLength > serverDrains) && c.Request.Method != http.MethodGet {
			drain(c, n)
		}
	}
}

// drain sends the answer and then drops the rest of the body, up to a few times
// n. A client that asked first, with Expect: 100-continue, sends no body.
func drain(c *gin.Context, n int64) {
	const times, atMost = 4, 5 * time.Second
	c.Writer.Flush()
	if c.GetHeader("Expect") == "" {
		_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(atMost))
		_, _ = io.CopyN(io.Discard, c.Request.Body, times*n)
	}
}

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
