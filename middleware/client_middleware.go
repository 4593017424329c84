package middleware

import (
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// maxUserAgent bounds what is kept of a header that anybody may fill.
const maxUserAgent = 200

// Client puts where a request comes from into its context. Whose
// X-Forwarded-For counts is the engine's setting.
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
