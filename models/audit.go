package models

import (
	"context"
	"maps"
	"sync"
	"time"
)

// The outcomes of what the audit trail records.
const (
	AuditSuccess = "success"
	AuditDenied  = "denied" // not allowed: 401, 403, 404 of what is somebody else's, 429
	AuditFailed  = "failed"
)

// AuditEntry is one line of the audit trail. It never holds a secret.
type AuditEntry struct {
	ID        string            `json:"id" bson:"_id"`
	At        time.Time         `json:"at" bson:"at"`
	ActorID   string            `json:"actorId,omitempty" bson:"actor_id,omitempty"`        // absent where nobody was signed in
	Actor     string            `json:"actor,omitempty" bson:"actor,omitempty"`             // e-mail address
	SessionID string            `json:"sessionId,omitempty" bson:"session_id,omitempty"`    // not the token
	TokenID   string            `json:"apiTokenId,omitempty" bson:"api_token_id,omitempty"` // not the token
	Action    string            `json:"action" bson:"action"`                               // "cluster.create"
	Target    map[string]string `json:"target,omitempty" bson:"target,omitempty"`           // the parameters of the path
	Outcome   string            `json:"outcome" bson:"outcome"`
	Status    int               `json:"status,omitempty" bson:"status,omitempty"` // HTTP
	Address   string            `json:"address,omitempty" bson:"address,omitempty"`
	UserAgent string            `json:"userAgent,omitempty" bson:"user_agent,omitempty"`
	RequestID string            `json:"requestId,omitempty" bson:"request_id,omitempty"`
	Details   map[string]string `json:"details,omitempty" bson:"details,omitempty"`
}

// AuditNotes collects what services add to the entry of the request they work
// for. It is safe for concurrent use.
type AuditNotes struct {
	mu    sync.Mutex
	notes map[string]string
}

// Details returns a copy of the notes, or nil if there are none.
func (n *AuditNotes) Details() map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.notes)
}

type auditNotesKey struct{}

// WithAuditNotes returns a context to whose notes NoteForAudit adds.
func WithAuditNotes(ctx context.Context) (context.Context, *AuditNotes) {
	n := &AuditNotes{}
	return context.WithValue(ctx, auditNotesKey{}, n), n
}

// NoteForAudit adds a detail to the audit entry of the request that ctx belongs
// to. It does nothing where there is none. value must be no secret, nor
// anything that somebody who is not signed in typed and nobody checked.
func NoteForAudit(ctx context.Context, key, value string) {
	n, ok := ctx.Value(auditNotesKey{}).(*AuditNotes)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.notes == nil {
		n.notes = map[string]string{}
	}
	n.notes[key] = value
}
