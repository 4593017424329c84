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
// where nobody is signed in.
func IdentityFrom(ctx context.Context) (id Identity, ok bool) {
	id, ok = ctx.Value(identityKey{}).(Identity)
	return id, ok
}

// Scope is how much of what an account may do a caller's credential is good
// for. The zero Scope is good for nothing.
type Scope string

// The scopes, each of which includes those before it. Only a person who signed
// in has ScopeSession: an API token, whatever its scope, makes no further
// tokens and changes no password.
const (
	ScopeRead    Scope = "read"
	ScopeDeploy  Scope = "deploy"
	ScopeAdmin   Scope = "admin"
	ScopeSession Scope = "session"
)

// Covers reports whether a credential with scope s is good for what takes need.
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
