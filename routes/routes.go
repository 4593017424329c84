// Package routes joins paths, access levels and handlers.
package routes

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/middleware"
	"github.com/kubeorch/core/models"
)

// answerTimeout bounds reading a request and writing its answer, except for
// streams. The slowest answer, that of a run, takes 20 seconds.
const answerTimeout = time.Minute

// accounts authenticates callers and tells when their session ends.
type accounts interface {
	Authenticate(ctx context.Context, token string) (models.Identity, error)
	AuthenticateExpired(ctx context.Context, token string) (models.Identity, error)
	AuthenticateTicket(ctx context.Context, ticket string) (models.Identity, error)
	Guard(ctx context.Context, id models.Identity) (*models.SessionGuard, error)
}

// auditTrail stores what people did.
type auditTrail interface {
	Record(ctx context.Context, e models.AuditEntry)
}

// Deps are the dependencies of the router.
type Deps struct {
	Log            *slog.Logger
	Accounts       accounts
	Audit          auditTrail // nil: nothing is recorded
	Metrics        prometheus.Registerer
	Handlers       Handlers
	CORSOrigins    []string // origins of browsers that may call
	TrustedProxies []string // addresses or ranges whose X-Forwarded-For counts
	MaxBody        int64    // bytes of the largest body
	Bodies         *Bodies  // nil: the bodies of all requests together are not bounded
	Limits         Limits
}

// SetupRouter returns the server's handler: every row of Table, wrapped in the
// middleware. An incomplete row and an invalid proxy or origin are errors.
func SetupRouter(d Deps) (*gin.Engine, error) { return setup(d, Table(d.Handlers)) }

func setup(d Deps, table []Route) (*gin.Engine, error) {
	fail := func(c *gin.Context, err error) { handlers.Fail(c, d.Log, err) }
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false
	if err := e.SetTrustedProxies(d.TrustedProxies); err != nil {
		return nil, fmt.Errorf("trusted proxies: %w", err)
	}
	cors, err := middleware.CORS(d.CORSOrigins, fail)
	if err != nil {
		return nil, err
	}
	metrics, err := middleware.NewMetrics(d.Metrics)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	e.Use(middleware.RequestID(), middleware.Client(), middleware.AccessLog(d.Log), metrics.Count, middleware.Recovery(d.Log, fail),
		middleware.Deadline(answerTimeout), middleware.SecurityHeaders(), cors)
	if d.Limits.Client != nil {
		// After CORS, which answers preflights and whose headers let pages read the refusal.
		e.Use(middleware.RatePerClient(d.Limits.Client, unlimited(table), fail))
	}
	if d.Bodies == nil {
		d.Bodies = NewBodies(BodyLimits{})
	}
	unread := d.Bodies.Limit(SmallBody.bytes(d.MaxBody), fail)
	e.NoRoute(unread, func(c *gin.Context) {
		fail(c, &models.Error{Op: "routes", Kind: models.NotFound, Msg: "there is no such path"})
	})
	e.NoMethod(unread, func(c *gin.Context) { handlers.MethodNotAllowed(c) })
	for _, r := range table {
		if err := mount(e, r, d, fail); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// mount adds one row to e. The checks of the caller come from the row, so every
// route has them.
func mount(e *gin.Engine, r Route, d Deps, fail middleware.Fail) error {
	if err := r.check(); err != nil {
		return err
	}
	perClient, perAccount, err := d.Limits.middlewareFor(r, fail)
	if err != nil {
		return err
	}
	chain := append([]gin.HandlerFunc{d.Bodies.Limit(r.Body.bytes(d.MaxBody), fail)}, perClient...)
	if r.Socket {
		chain = append(chain, middleware.CheckOrigin(d.CORSOrigins, fail))
	}
	if r.Access != Public {
		chain = append(chain, authentication(r, d.Accounts, fail))
	}
	chain = append(chain, perAccount...)
	if r.Audit != "" && d.Audit != nil {
		// After the limits and authentication, which keep floods and strangers from
		// filling the trail; before authorisation, whose refusals are recorded.
		chain = append(chain, middleware.AuditMiddleware(r.Audit, d.Audit))
	}
	if r.Access != Public {
		chain = append(chain, middleware.RequireScope(r.Scope, fail))
	}
	if r.Access == Admin {
		chain = append(chain, middleware.AdminMiddleware(fail))
	}
	if r.Stream {
		chain = append(chain, middleware.Deadline(0))
	}
	if r.Access != Public && (r.Stream || r.Socket) {
		chain = append(chain, middleware.GuardSession(d.Accounts, fail))
		if d.Limits.Streams != nil {
			chain = append(chain, middleware.LimitStreams(d.Limits.Streams, d.Limits.ClientStreams, fail))
		}
	}
	e.Handle(r.Method, r.Path, append(chain, handlers.Handle(d.Log, r.Handle))...)
	return nil
}

// authentication returns the middleware for the credentials that r accepts.
func authentication(r Route, accounts accounts, fail middleware.Fail) gin.HandlerFunc {
	switch {
	case r.Socket:
		return middleware.SocketMiddleware(accounts, fail)
	case r.Access == Expired:
		return middleware.RefreshTokenMiddleware(accounts, fail)
	}
	return middleware.AuthMiddleware(accounts, fail)
}
