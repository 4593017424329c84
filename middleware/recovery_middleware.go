package middleware

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// Recovery answers a panic with 500 and logs its stack. When part of an answer
// was sent already, it closes the connection instead, so that the client sees
// that the answer is incomplete.
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
