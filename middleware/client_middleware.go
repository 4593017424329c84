package middleware

import (
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// maxUserAgent is how many bytes of the User-Agent header are kept.
const maxUserAgent = 200

// Client puts the origin of a request into its context. The engine's trusted
// proxies decide whose X-Forwarded-For counts.
func Client() gin.HandlerFunc {
	return func(c *gin.Context) {
		agent := c.Request.UserAgent()
		if len(agent) > maxUserAgent {
			agent = agent[:maxUserAgent]
		}
		client := models.Client{Address: c.ClientIP(), UserAgent: strings.ToValidUTF8(agent, "?")}
		c.Request = c.Request.WithContext(models.WithClient(c.Request.Context(), client))
	}
}
