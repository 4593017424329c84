package models

import (
	"context"
	"maps"
	"sync"
)

// AuditNotes collects what services add to the entry of the request they work
// for. It is safe for concurrent use.
type AuditNotes struct {
	mu      sync.Mutex
	notes   map[string]string
	actorID string
	actor   string
	outcome string
	begun   func()
}

// Details returns a copy of the notes, or nil if there are none.
func (n *AuditNotes) Details() map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.notes)
}

// Actor returns who a service said it was, where nobody was signed in before.
func (n *AuditNotes) Actor() (id, email string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.actorID, n.actor
}

// Outcome returns the outcome that a service said, or "".
func (n *AuditNotes) Outcome() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.outcome
}

// OnBegin has f called once, when AuditNow is.
func (n *AuditNotes) OnBegin(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.begun = sync.OnceFunc(f)
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
	note(ctx, func(n *AuditNotes) {
		if n.notes == nil {
			n.notes = map[string]string{}
		}
		n.notes[key] = value
	})
}

// NoteActorForAudit says who a request on a public route turned out to be: an
// account, or with an empty id an e-mail address that somebody claims. The
// address must have the form of one; people type passwords into that field.
func NoteActorForAudit(ctx context.Context, id, email string) {
	note(ctx, func(n *AuditNotes) { n.actorID, n.actor = id, email })
}

// NoteOutcomeForAudit says how a request ended where its status does not tell,
// as with the redirects of a login through a provider.
func NoteOutcomeForAudit(ctx context.Context, outcome string) {
	note(ctx, func(n *AuditNotes) { n.outcome = outcome })
}

// AuditNow records the request that ctx belongs to as a success at once rather
// than when it has been answered. Streams and sockets call it when they begin.
func AuditNow(ctx context.Context) {
	n, ok := ctx.Value(auditNotesKey{}).(*AuditNotes)
	if !ok {
		return
	}
	n.mu.Lock()
	begun := n.begun
	n.mu.Unlock()
	if begun != nil {
		begun()
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
