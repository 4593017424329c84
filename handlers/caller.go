package handlers

import (
	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// caller returns who sent the request. On a public route, where nobody has to
// be signed in, it is the zero Identity.
func caller(c *gin.Context) models.Identity {
	id, _ := models.IdentityFrom(c.Request.Context())
	return id
}
