package middleware

import (
	"context"
	"slices"
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

// AuthMiddleware lets only requests with a valid bearer token pass and puts the
// caller into the request's context. The role is the account's present one.
func AuthMiddleware(svc accounts, fail Fail) gin.HandlerFunc {
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

// AdminMiddleware lets only administrators pass.
func AdminMiddleware(fail Fail) gin.HandlerFunc { return RequireRole(fail, models.RoleAdmin) }

// RequireRole lets only callers with one of roles pass. It belongs behind
// AuthMiddleware; without it nobody passes.
func RequireRole(fail Fail, roles ...string) gin.HandlerFunc {
	return func(c *gin.Context) {
		if id, ok := models.IdentityFrom(c.Request.Context()); !ok || !slices.Contains(roles, id.Role) {
			fail(c, refuse(models.Forbidden, "only "+strings.Join(roles, " or ")+" accounts may do this"))
		}
	}
}

// RequireScope lets callers pass whose session or API token covers need. It
// belongs behind AuthMiddleware; without it nobody passes.
func RequireScope(need models.Scope, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		id, _ := models.IdentityFrom(c.Request.Context())
		switch {
		case id.Scope.Covers(need):
		case need == models.ScopeSession:
			fail(c, refuse(models.Forbidden, "an API token cannot do this; sign in for it"))
		default:
			fail(c, refuse(models.Forbidden, "this API token cannot do this; it takes one with the scope "+string(need)))
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
