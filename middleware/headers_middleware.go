package middleware

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// SecurityHeaders tells browsers that answers are data of one user: they must
// not frame, cache or sniff the type of them, nor run anything in them.
func SecurityHeaders() gin.HandlerFunc {
	return func(c *gin.Context) {
		h := c.Writer.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
	}
}

// CORS lets browsers use the API from the given origins and refuses requests
// that name another one. Errors and streams have the headers, too. An origin
// that is not a URL is an error.
func CORS(origins []string, fail Fail) (gin.HandlerFunc, error) {
	if len(origins) == 0 {
		return func(*gin.Context) {}, nil
	}
	cfg := cors.Config{
		AllowOrigins: origins,
		AllowMethods: []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"},
		AllowHeaders: []string{
			"Origin", "Content-Type", "Authorization", "Accept", "Upgrade", "Connection",
			"Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions",
			"If-Match", "If-None-Match", "Last-Event-ID", "Cache-Control", "Idempotency-Key", RequestIDHeader,
		},
		ExposeHeaders:    []string{"Content-Length", "ETag", RequestIDHeader, "Retry-After"},
		AllowCredentials: true,
		MaxAge:           12 * time.Hour,
	}
	if err := cfg.Validate(); err != nil { // cors.New would panic
		return nil, fmt.Errorf("CORS origins: %w", err)
	}
	check, apply := CheckOrigin(origins, fail), cors.New(cfg)
	return func(c *gin.Context) {
		if check(c); !c.IsAborted() {
			apply(c)
		}
	}, nil
}

// CheckOrigin refuses requests from pages of other origins than the given ones and
// the server's own. CORS does so, too, but only where origins are given; WebSockets
// need it in any case, since browsers let every page open and read one. Clients that
// are no browsers send no origin.
func CheckOrigin(origins []string, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		if origin := c.GetHeader("Origin"); origin != "" && !slices.Contains(origins, origin) && !sameHost(origin, c.Request.Host) {
			fail(c, refuse(models.Forbidden, "requests from this origin are not allowed"))
		}
	}
}

func sameHost(origin, host string) bool {
	_, at, _ := strings.Cut(origin, "://")
	return at == host
}
