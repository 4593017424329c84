package middleware

import (
	"crypto/rand"
	"log/slog"
	"regexp"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/utils/logging"
)

// RequestIDHeader names a request in answers and, when a proxy sets it, in
// requests.
const RequestIDHeader = "X-Request-ID"

// RequestID gives every request an id, which is in the answer's header and in
// log lines: the one that the request brings if it is valid, else a new one.
func RequestID() gin.HandlerFunc {
	// Other characters could forge log lines.
	valid := regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	return func(c *gin.Context) {
		id := c.GetHeader(RequestIDHeader)
		if !valid.MatchString(id) {
			id = rand.Text()
		}
		c.Header(RequestIDHeader, id)
		c.Request = c.Request.WithContext(logging.WithRequestID(c.Request.Context(), id))
	}
}

// AccessLog writes one line for each request when it ends, also when it ends
// in a panic. It shows the route's pattern and never the URL, whose query may
// hold a token.
func AccessLog(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		defer func() {
			id, _ := models.IdentityFrom(c.Request.Context())
			log.LogAttrs(c.Request.Context(), accessLevel(c), "request",
				slog.String("method", knownMethod(c.Request.Method)),
				slog.String("route", routeOf(c)),
				slog.Int("status", c.Writer.Status()),
				slog.Duration("duration", time.Since(start)),
				slog.Int("bytes", max(0, c.Writer.Size())),
				slog.String("client", c.ClientIP()),
				slog.String("user_id", id.UserID))
		}()
		c.Next()
	}
}

// accessLevel is debug for probes, which come every few seconds.
func accessLevel(c *gin.Context) slog.Level {
	switch c.FullPath() {
	case "/healthz", "/readyz", "/metrics":
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// routeOf returns the pattern of the route. Requested paths would be an
// unbounded number of values.
func routeOf(c *gin.Context) string {
	if p := c.FullPath(); p != "" {
		return p
	}
	return "unmatched"
}

func knownMethod(m string) string {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return m
	}
	return "other"
}
