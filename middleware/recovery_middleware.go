package middleware

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// Recovery turns a panic into a 500. The stack goes to the log only. Where an
// answer has begun, the connection is cut instead, so that a client does not
// take half an answer for a whole one.
func Recovery(log *slog.Logger, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares panics by identity, too
				panic(p)
			}
			log.ErrorContext(c.Request.Context(), "panic in a handler", "route", routeOf(c), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			if c.Writer.Written() {
				panic(http.ErrAbortHandler)
			}
			fail(c, refuse(models.Internal, ""))
		}()
		c.Next()
	}
}
