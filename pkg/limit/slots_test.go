package limit

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSlots(t *testing.T) {
	t.Parallel()
	s := NewSlots(2)
	first, ok := s.Take("a")
	require.True(t, ok)
	second, ok := s.Take("a")
	require.True(t, ok)
	_, ok = s.Take("a")
	require.False(t, ok)
	other, ok := s.Take("b")
	require.True(t, ok, "another key has its own")
	first()
	again, ok := s.Take("a")
	require.True(t, ok)
	for _, release := range []func(){second, other, again} {
		release()
	}
	require.Empty(t, s.taken)

	_, ok = NewSlots(0).Take("a")
	require.True(t, ok)
}
