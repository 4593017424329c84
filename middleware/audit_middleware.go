package middleware

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// auditTrail stores entries, and reports its own failures.
type auditTrail interface {
	Record(ctx context.Context, e models.AuditEntry)
}

// AuditMiddleware records each request that reaches it as one entry: when it
// has been answered, or when models.AuditNow is called. It belongs after
// AuthMiddleware, so that only identified callers add to the trail, and before
// the checks of what they may do, so that refusals are recorded.
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
		answered := false
		defer func() {
			status := c.Writer.Status()
			if !answered { // a panic, which Recovery answers
				status = http.StatusInternalServerError
			}
			record(status)
		}()
		c.Next()
		answered = true
	}
}

// auditEntry describes the request; status is 0 while it is being answered.
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
