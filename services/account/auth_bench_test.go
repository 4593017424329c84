package account

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkAuthenticate is what every request of a page pays to be known.
func BenchmarkAuthenticate(b *testing.B) {
	h := openAccounts(b)
	s, err := h.auth.Register(b.Context(), registration(0))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.sessions.Authenticate(b.Context(), s.Token); err != nil {
			b.Fatal(err)
		}
	}
}
