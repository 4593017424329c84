package models

import "context"

// Identity is the authenticated caller of a request.
type Identity struct {
	UserID    string
	Email     string
	Role      string // read from the account, never from the token
	Scope     Scope
	SessionID string // of the session; empty with an API token
	TokenID   string // of the API token; empty with a session
}

type identityKey struct{}

// WithIdentity returns a context that carries the authenticated caller.
func WithIdentity(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// IdentityFrom returns the caller that WithIdentity put into ctx. ok is false
// when nobody is signed in.
func IdentityFrom(ctx context.Context) (id Identity, ok bool) {
	id, ok = ctx.Value(identityKey{}).(Identity)
	return id, ok
}

// Scope limits what a credential may do of what its account may do. The zero
// Scope permits nothing.
type Scope string

// The scopes, each of which includes those before it. Only sessions have
// ScopeSession, which is needed to create API tokens and to change a password.
const (
	ScopeRead    Scope = "read"
	ScopeDeploy  Scope = "deploy"
	ScopeAdmin   Scope = "admin"
	ScopeSession Scope = "session"
)

// Covers reports whether s includes need.
func (s Scope) Covers(need Scope) bool { return need.Valid() && s.rank() >= need.rank() }

// Valid reports whether s is one of the scopes.
func (s Scope) Valid() bool { return s.rank() > 0 }

func (s Scope) rank() int {
	switch s {
	case ScopeRead:
		return 1
	case ScopeDeploy:
		return 2
	case ScopeAdmin:
		return 3
	case ScopeSession:
		return 4
	}
	return 0
}
