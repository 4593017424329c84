// Package models holds the values that every layer shares: documents, requests,
// enums and the domain error. It imports no other package of this module.
package models

import (
	"errors"
	"fmt"
	"time"
)

// Kind is the class of a failure, which decides the status of the answer.
type Kind uint8

// The zero Kind is Internal, so an error that nobody classified is never shown.
const (
	Internal            Kind = iota
	Invalid                  // the input is wrong; Msg says what
	Unauthenticated          // no valid session; for sessions and logins only
	Forbidden                // known caller, not allowed
	NotFound                 // absent, or somebody else's
	Conflict                 // the present state forbids it
	TooLarge                 // the body exceeds its limit
	TooMany                  // a rate or a capacity is used up
	InsufficientStorage      // the disk, or the storage that an account may use, is full
	Unavailable              // something outside does not answer; retrying may help
	Failed                   // an operation ran and failed for a reason in the request or the cluster
	Mismatch                 // the input is not what an earlier request of the same name held
)

// Error is a failure of a domain operation. Msg and Problems are safe to show
// to a user; Err is for the operator and never leaves the server.
type Error struct {
	Op       string   // where: "repositories.Clusters.Get"
	Kind     Kind     // what class
	Msg      string   // what a user reads
	Problems Problems // each fault with its place, for Invalid
	Extra    any      // further facts for the body, under "details"
	Err      error    // the cause

	RetryAfter time.Duration // when trying again may help, for TooMany and Unavailable; 0: unknown
}

// Error returns the full text for logs.
func (e *Error) Error() string {
	s := e.Op
	if e.Msg != "" {
		s += ": " + e.Msg
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// TooSoon returns a TooMany error that says what was tried too often. RetryAfter
// is wait, and at least a second.
func TooSoon(op, what string, wait time.Duration) *Error {
	e := &Error{Op: op, Kind: TooMany, RetryAfter: max(wait, time.Second)}
	e.Msg = fmt.Sprintf("%s; try again in %d s", what, e.RetrySeconds())
	return e
}

// RetrySeconds is RetryAfter in seconds, rounded up.
func (e *Error) RetrySeconds() int { return int((e.RetryAfter + time.Second - 1) / time.Second) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the Kind of the outermost *Error in err, or Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// UserMessage returns Msg.
func (e *Error) UserMessage() string { return e.Msg }

// MessageOf returns the text of err that a user may read: that of the outermost
// error in it which has a UserMessage, or a neutral one where there is none.
func MessageOf(err error) string {
	type readable interface {
		error
		UserMessage() string
	}
	if e, ok := errors.AsType[readable](err); ok && e.UserMessage() != "" {
		return e.UserMessage()
	}
	return "internal server error"
}
