package middleware

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// auditTrail keeps entries. Failing to is its own business.
type auditTrail interface {
	Record(ctx context.Context, e models.AuditEntry)
}

// AuditMiddleware records each request that reaches it as one entry: when it
// has been answered, or when models.AuditNow is called. It belongs behind
// AuthMiddleware, so that nobody can fill the trail without being known, and
// before what refuses known callers.
func AuditMiddleware(action string, trail auditTrail) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, notes := models.WithAuditNotes(c.Request.Context())
		c.Request = c.Request.WithContext(ctx)
		recorded := false
		record := func(status int) {
			if !recorded {
				recorded = true
				trail.Record(ctx, auditEntry(c, action, status, notes))
			}
		}
		notes.OnBegin(func() { record(0) })
		ended := false
		defer func() {
			status := c.Writer.Status()
			if !ended { // a panic, which is answered further out
				status = http.StatusInternalServerError
			}
			record(status)
		}()
		c.Next()
		ended = true
	}
}

// auditEntry tells what the request says of itself; status is 0 while it goes on.
func auditEntry(c *gin.Context, action string, status int, notes *models.AuditNotes) models.AuditEntry {
	e := models.AuditEntry{Action: action, Status: status, Outcome: notes.Outcome(), Details: notes.Details()}
	e.ActorID, e.Actor = notes.Actor()
	if e.Outcome == "" {
		e.Outcome = outcomeOf(status)
	}
	for _, p := range c.Params {
		if e.Target == nil {
			e.Target = map[string]string{}
		}
		e.Target[p.Key] = p.Value
	}
	return e
}

func outcomeOf(status int) string {
	switch {
	case status < http.StatusBadRequest:
		return models.AuditSuccess
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound,
		status == http.StatusTooManyRequests:
		return models.AuditDenied
	}
	return models.AuditFailed
}
