package middleware

import (
	"context"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// maxToken bounds what is looked at: our tokens have about 400 bytes.
const maxToken = 8 << 10

// accounts knows whose token it is.
type accounts interface {
	Authenticate(ctx context.Context, token string) (models.Identity, error)
}

// SignedIn lets only requests with a valid bearer token pass and puts the
// caller into the request's context. The role is the account's present one.
func SignedIn(svc accounts, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		token, ok := bearer(c.GetHeader("Authorization"))
		if !ok {
			fail(c, refuse(models.Unauthenticated, "sign in first: the header Authorization: Bearer <token> is missing or malformed"))
			return
		}
		id, err := svc.Authenticate(c.Request.Context(), token)
		if err != nil {
			fail(c, err)
			return
		}
		c.Request = c.Request.WithContext(models.WithIdentity(c.Request.Context(), id))
	}
}

// Admin lets only administrators pass. It belongs behind SignedIn; without it
// nobody passes.
func Admin(fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		if id, _ := models.IdentityFrom(c.Request.Context()); id.Role != models.RoleAdmin {
			fail(c, refuse(models.Forbidden, "only administrators may do this"))
		}
	}
}

func bearer(header string) (token string, ok bool) {
	scheme, token, found := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !found || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return "", false
	}
	return token, true
}
