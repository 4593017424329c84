package app

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/pkg/encryption"
	"github.com/kubeorch/core/utils/config"
)

// opened returns a server that has come as far as its secrets, which is when it
// announces its key.
func opened(t *testing.T, cfg config.Config) *Server {
	t.Helper()
	s := New(cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, s.OpenDatabase(t.Context()))
	t.Cleanup(func() { require.NoError(t, s.CloseDatabase(context.WithoutCancel(t.Context()))) })
	require.NoError(t, loadAndBind(t.Context(), s))
	return s
}

// Servers on one MongoDB read each other's records, so nothing is sealed with a
// key before one of them was started with it.
func TestRotationNeedsAnAnnouncedKey(t *testing.T) {
	t.Parallel()
	cfg := config.Config{DataDir: t.TempDir(), GinMode: "test"}
	s := opened(t, cfg)
	announced := func(db *database.DB) error {
		keys, err := encryptionKeys(cfg)
		require.NoError(t, err)
		box, err := encryption.NewBox(keys[0], keys[1:]...)
		require.NoError(t, err)
		return (&rotation{cfg: cfg, box: box}).checkAnnounced(t.Context(), db)
	}
	require.NoError(t, announced(s.db))
	require.NoError(t, NewKey(cfg, io.Discard))
	require.ErrorContains(t, announced(s.db), "restart all with the new key first")
	require.NoError(t, loadAndBind(t.Context(), s))
	require.NoError(t, announced(s.db))
}
