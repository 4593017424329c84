package models

import (
	"context"
	"sync/atomic"
)

// SessionGuard ties work that outlives its request, such as a stream, to the
// session or API token that the request came with. The nil SessionGuard never
// ends. It is safe for concurrent use.
type SessionGuard struct {
	ended   <-chan struct{}
	release func()
	users   atomic.Int32
}

// NewSessionGuard returns a guard with one user. ended is closed when the
// session ends; release is called once, when the last user has released the
// guard.
func NewSessionGuard(ended <-chan struct{}, release func()) *SessionGuard {
	g := &SessionGuard{ended: ended, release: release}
	g.users.Store(1)
	return g
}

// Retain adds a user: work that goes on after its request.
func (g *SessionGuard) Retain() {
	if g != nil {
		g.users.Add(1)
	}
}

// Release removes a user. It is called once for NewSessionGuard and once for
// each Retain.
func (g *SessionGuard) Release() {
	if g != nil && g.users.Add(-1) == 0 {
		g.release()
	}
}

// OnRelease has f called as well when the last user has released the guard. It is
// called before the guard is handed on.
func (g *SessionGuard) OnRelease(f func()) {
	release := g.release
	g.release = func() { f(); release() }
}

type sessionGuardKey struct{}

// WithSessionGuard returns a context that carries g.
func WithSessionGuard(ctx context.Context, g *SessionGuard) context.Context {
	return context.WithValue(ctx, sessionGuardKey{}, g)
}

// SessionGuardFrom returns the guard of ctx, or nil.
func SessionGuardFrom(ctx context.Context) *SessionGuard {
	g, _ := ctx.Value(sessionGuardKey{}).(*SessionGuard)
	return g
}

// SessionEnded returns a channel that is closed when the session of ctx
// ends: by logout, expiry, revocation, or because the account is disabled.
// Without a guard the channel is nil and blocks for ever.
func SessionEnded(ctx context.Context) <-chan struct{} {
	if g := SessionGuardFrom(ctx); g != nil {
		return g.ended
	}
	return nil
}
