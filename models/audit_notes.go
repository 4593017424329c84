package models

import (
	"context"
	"maps"
	"sync"
)

// AuditNotes collects what services add to the audit entry of their request. It
// is safe for concurrent use.
type AuditNotes struct {
	mu      sync.Mutex
	notes   map[string]string
	actorID string
	actor   string
	outcome string
	onBegin func()
}

// Details returns a copy of the notes, or nil if there are none.
func (n *AuditNotes) Details() map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.notes)
}

// Actor returns the actor that NoteActorForAudit named, or "".
func (n *AuditNotes) Actor() (id, email string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.actorID, n.actor
}

// Outcome returns the outcome that NoteOutcomeForAudit gave, or "".
func (n *AuditNotes) Outcome() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.outcome
}

// OnBegin makes the first AuditNow call f.
func (n *AuditNotes) OnBegin(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.onBegin = sync.OnceFunc(f)
}

type auditNotesKey struct{}

// WithAuditNotes returns a context to whose notes NoteForAudit adds.
func WithAuditNotes(ctx context.Context) (context.Context, *AuditNotes) {
	n := &AuditNotes{}
	return context.WithValue(ctx, auditNotesKey{}, n), n
}

// NoteForAudit adds a detail to the audit entry of the request of ctx, if there
// is one. value must not be a secret, nor unchecked input of an anonymous caller.
func NoteForAudit(ctx context.Context, key, value string) {
	note(ctx, func(n *AuditNotes) {
		if n.notes == nil {
			n.notes = map[string]string{}
		}
		n.notes[key] = value
	})
}

// NoteActorForAudit names the actor of a request on a public route: an account,
// or with an empty id the e-mail address that was sent. The address must be a
// valid one, since people also type passwords into that field.
func NoteActorForAudit(ctx context.Context, id, email string) {
	note(ctx, func(n *AuditNotes) { n.actorID, n.actor = id, email })
}

// NoteOutcomeForAudit gives the outcome of a request whose status does not show
// it, such as a redirect of a login through a provider.
func NoteOutcomeForAudit(ctx context.Context, outcome string) {
	note(ctx, func(n *AuditNotes) { n.outcome = outcome })
}

// AuditNow records the request of ctx as a success at once, rather than when it
// has been answered. Streams and WebSockets call it when they begin.
func AuditNow(ctx context.Context) {
	n, ok := ctx.Value(auditNotesKey{}).(*AuditNotes)
	if !ok {
		return
	}
	n.mu.Lock()
	onBegin := n.onBegin
	n.mu.Unlock()
	if onBegin != nil {
		onBegin()
	}
}

func note(ctx context.Context, add func(*AuditNotes)) {
	n, ok := ctx.Value(auditNotesKey{}).(*AuditNotes)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	add(n)
}
