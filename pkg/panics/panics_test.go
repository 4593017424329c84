package panics

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestToError(t *testing.T) {
	t.Parallel()
	require.NoError(t, ToError(func() error { return nil }))

	cause := errors.New("cause")
	require.Equal(t, cause, ToError(func() error { return cause }))

	err := ToError(func() error { return outOfRange(nil) })
	var p *Error
	require.ErrorAs(t, err, &p)
	require.ErrorContains(t, err, "panic: runtime error: index out of range")
	require.Contains(t, string(p.Stack), "outOfRange", "the stack shows where it happened")

	require.ErrorContains(t, ToError(func() error { panic(nil) }), "panic called with nil")
}

func outOfRange(list []error) error { return list[0] }
