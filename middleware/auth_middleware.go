package middleware

import (
	"context"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// maxToken is the longest token that is checked; valid ones have about 400 bytes.
const maxToken = 8 << 10

// accounts authenticates tokens.
type accounts interface {
	Authenticate(ctx context.Context, token string) (models.Identity, error)
}

// AuthMiddleware lets only requests with a valid bearer token pass and puts the
// caller into the request's context. The role is the account's present one.
func AuthMiddleware(svc accounts, fail Fail) gin.HandlerFunc {
	return authenticate(fail, func(c *gin.Context) (models.Identity, error) {
		token, ok := bearer(c.GetHeader("Authorization"))
		if !ok {
			return models.Identity{}, errNoToken()
		}
		return svc.Authenticate(c.Request.Context(), token)
	})
}

// expiredAccounts authenticates tokens that may have expired.
type expiredAccounts interface {
	AuthenticateExpired(ctx context.Context, token string) (models.Identity, error)
}

// RefreshTokenMiddleware is AuthMiddleware for routes that also accept an
// expired token, as long as its session lasts.
func RefreshTokenMiddleware(svc expiredAccounts, fail Fail) gin.HandlerFunc {
	return authenticate(fail, func(c *gin.Context) (models.Identity, error) {
		token, ok := bearer(c.GetHeader("Authorization"))
		if !ok {
			return models.Identity{}, errNoToken()
		}
		return svc.AuthenticateExpired(c.Request.Context(), token)
	})
}

// ticketAccounts authenticates tokens and WebSocket tickets.
type ticketAccounts interface {
	accounts
	AuthenticateTicket(ctx context.Context, ticket string) (models.Identity, error)
}

// SocketMiddleware is AuthMiddleware for WebSockets. Browsers let scripts set no
// header there, so the query may hold a ticket or a session's token instead. API
// tokens are accepted in the header only.
func SocketMiddleware(svc ticketAccounts, fail Fail) gin.HandlerFunc {
	return authenticate(fail, func(c *gin.Context) (models.Identity, error) {
		ctx := c.Request.Context()
		if token, ok := bearer(c.GetHeader("Authorization")); ok {
			return svc.Authenticate(ctx, token)
		}
		if ticket := c.Query("ticket"); ticket != "" && len(ticket) <= maxToken {
			return svc.AuthenticateTicket(ctx, ticket)
		}
		if token := c.Query("token"); token != "" && len(token) <= maxToken && !strings.HasPrefix(token, models.APITokenPrefix) {
			return svc.Authenticate(ctx, token)
		}
		return models.Identity{}, errNoToken()
	})
}

// authenticate puts the caller that identify finds into the request's context.
func authenticate(fail Fail, identify func(*gin.Context) (models.Identity, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		id, err := identify(c)
		if err != nil {
			fail(c, err)
			return
		}
		c.Request = c.Request.WithContext(models.WithIdentity(c.Request.Context(), id))
	}
}

func errNoToken() error {
	return refuse(models.Unauthenticated, "there is no session: the header Authorization: Bearer <token> is missing or malformed; sign in first")
}

// guards ties connections that stay open to the caller's session.
type guards interface {
	Guard(ctx context.Context, id models.Identity) (*models.SessionGuard, error)
}

// GuardSession is for routes whose connection stays open: it puts a
// models.SessionGuard into the request's context, which ends with the caller's
// session. It belongs after AuthMiddleware.
func GuardSession(svc guards, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx := c.Request.Context()
		id, _ := models.IdentityFrom(ctx)
		guard, err := svc.Guard(ctx, id)
		if err != nil {
			fail(c, err)
			return
		}
		defer guard.Release()
		c.Request = c.Request.WithContext(models.WithSessionGuard(ctx, guard))
		c.Next()
	}
}

// AdminMiddleware lets only administrators pass.
func AdminMiddleware(fail Fail) gin.HandlerFunc { return RequireRole(fail, models.RoleAdmin) }

// RequireRole lets only callers with one of roles pass. It belongs after
// AuthMiddleware; without it every caller is refused.
func RequireRole(fail Fail, roles ...string) gin.HandlerFunc {
	return func(c *gin.Context) {
		if id, ok := models.IdentityFrom(c.Request.Context()); !ok || !slices.Contains(roles, id.Role) {
			fail(c, refuse(models.Forbidden, "only "+strings.Join(roles, " or ")+" accounts may do this"))
		}
	}
}

// RequireScope lets callers pass whose session or API token covers need. It
// belongs after AuthMiddleware; without it every caller is refused.
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
