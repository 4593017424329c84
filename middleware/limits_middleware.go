package middleware

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// takenIn is how much net/http itself takes in of a body that nobody read, if
// the connection is to be kept, before it cuts the connection off.
const takenIn = 256 << 10

// BodyLimit refuses bodies of more than n bytes: at once when the length is
// announced, else when reading passes n. Smaller ones that were answered
// before they were read are taken in, so that clients get their answer.
func BodyLimit(n int64, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.Request.ContentLength > n {
			// The rest of the body may not be read, so the connection is of no further use.
			c.Header("Connection", "close")
			fail(c, refuse(models.TooLarge, fmt.Sprintf("the body is larger than %d bytes", n)))
			drain(c, n)
			return
		}
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, n)
		c.Next()
		closing := c.Request.Close && c.Request.ContentLength != 0
		if (closing || c.Request.ContentLength > takenIn) && c.Request.Method != http.MethodGet {
			drain(c, n)
		}
	}
}

// drain sends the answer and then takes in what is left of a body, up to some
// times n. A client that is cut off while it still sends would never read the answer; one
// that asked first sends nothing.
func drain(c *gin.Context, n int64) {
	const times, atMost = 4, 5 * time.Second
	c.Writer.Flush()
	if c.GetHeader("Expect") == "" {
		_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(atMost))
		_, _ = io.CopyN(io.Discard, c.Request.Body, times*n)
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
