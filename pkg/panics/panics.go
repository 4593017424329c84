// Package panics turns panics into errors, for goroutines in which a fault of
// one piece of work must not end the process.
package panics

import (
	"fmt"
	"runtime/debug"
)

// Error is a recovered panic.
type Error struct {
	Value any    // what was passed to panic
	Stack []byte // of the goroutine that panicked
}

// Error returns the value and the stack: text for operators.
func (e *Error) Error() string { return fmt.Sprintf("panic: %v\n%s", e.Value, e.Stack) }

// ToError calls f and returns its error, or an *Error when f panics. It
// recovers panics of the calling goroutine only.
func ToError(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Error{Value: p, Stack: debug.Stack()}
		}
	}()
	return f()
}
