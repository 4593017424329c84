package models

import (
	"context"
	"sync/atomic"
)

// Hold ties something long, such as a stream, to the credential that it was
// asked for with. The nil Hold ties to nothing. It is safe for concurrent use.
type Hold struct {
	ended   <-chan struct{}
	release func()
	keepers atomic.Int32
}

// NewHold returns a hold with one keeper. ended is closed when the credential
// is good no more; release is called once, when the last keeper has let go.
func NewHold(ended <-chan struct{}, release func()) *Hold {
	h := &Hold{ended: ended, release: release}
	h.keepers.Store(1)
	return h
}

// Keep adds a keeper: what goes on behind the end of its request.
func (h *Hold) Keep() {
	if h != nil {
		h.keepers.Add(1)
	}
}

// Release lets go, once for each keeper.
func (h *Hold) Release() {
	if h != nil && h.keepers.Add(-1) == 0 {
		h.release()
	}
}

type holdKey struct{}

// WithHold returns a context that carries h.
func WithHold(ctx context.Context, h *Hold) context.Context {
	return context.WithValue(ctx, holdKey{}, h)
}

// HoldFrom returns the hold of ctx, or nil.
func HoldFrom(ctx context.Context) *Hold {
	h, _ := ctx.Value(holdKey{}).(*Hold)
	return h
}

// EndedFrom returns what is closed when the credential behind ctx is good no
// more: signed out, disabled, expired. Without a hold it is nil, which blocks
// for ever.
func EndedFrom(ctx context.Context) <-chan struct{} {
	if h := HoldFrom(ctx); h != nil {
		return h.ended
	}
	return nil
}
