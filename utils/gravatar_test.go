package utils

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGravatar(t *testing.T) {
	t.Parallel()
	const want = "https://www.gravatar.com/avatar/4b3cdf9adfc6258a102ab90eb64565ea?s=200&d=identicon"
	require.Equal(t, want, Gravatar("hello@world.com"))
	require.Equal(t, want, Gravatar("  Hello@World.COM "))
}
