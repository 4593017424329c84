package routes

import (
	"fmt"
	"time"

	"github.com/kubeorch/core/middleware"
)

// Body says how large the body of a row may be, by what the row is for. The
// zero value is the smallest.
type Body uint8

// The sizes of bodies.
const (
	SmallBody    Body = iota // what people type: 64 KB
	DocumentBody             // a kubeconfig, certificates: 1 MB
	GraphBody                // a drawing, or the values for one: the configured largest body
)

// String returns the size as the printed table shows it.
func (b Body) String() string {
	switch b {
	case SmallBody:
		return "64KB"
	case DocumentBody:
		return "1MB"
	case GraphBody:
		return "max"
	}
	return fmt.Sprintf("invalid body %d", uint8(b))
}

// bytes returns the size, of which none is above largest.
func (b Body) bytes(largest int64) int64 {
	switch b {
	case GraphBody:
		return largest
	case DocumentBody:
		return min(1<<20, largest)
	default:
		return min(64<<10, largest)
	}
}

// Bodies bounds the bodies of all requests together. Its Stop ends those that
// are arriving.
type Bodies = middleware.Bodies

// BytePool counts bytes in memory.
type BytePool = middleware.BytePool

// WorkQueue lets work begin while there is memory for it.
type WorkQueue = middleware.WorkQueue

// BodyLimits are what the bodies of all requests together may take. A nil one
// does not limit.
type BodyLimits struct {
	Strangers BytePool  // bytes that have arrived from callers without an account
	Accounts  BytePool  // the same from callers with one
	Work      WorkQueue // memory of what bodies become
}

const (
	// bodyPatience and bodyRate are the slowest body: 64 KB take up to 14 seconds.
	bodyPatience = 10 * time.Second
	bodyRate     = 16 << 10 // bytes a second
)

// NewBodies returns the bounds for the router of one server.
func NewBodies(l BodyLimits) *Bodies {
	return middleware.NewBodies(middleware.BodyOptions{
		Strangers: l.Strangers, Accounts: l.Accounts, Work: l.Work,
		Patience: bodyPatience, Rate: bodyRate, Longest: answerTimeout,
	})
}
