package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/utils/config"
)

// start brings a server up as far as its secrets, and down again. Use, if any,
// is called in between.
func start(t *testing.T, cfg config.Config, use func(*Server)) error {
	t.Helper()
	s := New(cfg, slog.New(slog.DiscardHandler))
	err := s.OpenDatabase(t.Context())
	if err == nil {
		err = loadAndBind(t.Context(), s)
	}
	if err == nil && use != nil {
		use(s)
	}
	return errors.Join(err, s.CloseDatabase(context.WithoutCancel(t.Context())))
}

func withAccount(t *testing.T) func(*Server) {
	return func(s *Server) {
		u := models.User{ID: "ann", Email: "ann@example.org", Role: models.RoleAdmin}
		_, err := repositories.NewUsers(s.db.Database()).InsertFirst(t.Context(), u)
		require.NoError(t, err)
	}
}

// asBefore makes a data directory look as an earlier version left it.
func asBefore(t *testing.T, cfg config.Config) {
	t.Helper()
	require.NoError(t, os.Remove(idFile(cfg)))
	db, err := database.Open(t.Context(), database.Config{DataDir: cfg.DataDir})
	require.NoError(t, err)
	_, err = db.Database().Collection(database.Settings).DeleteOne(t.Context(), map[string]string{"_id": "identity"})
	require.NoError(t, err)
	require.NoError(t, db.Close(context.WithoutCancel(t.Context())))
}

func dataDir(t *testing.T) config.Config {
	t.Helper()
	return config.Config{DataDir: t.TempDir(), GinMode: "test"}
}

func TestDataDirectoryKeepsTogether(t *testing.T) {
	t.Parallel()
	other := dataDir(t)
	require.NoError(t, start(t, other, withAccount(t)))
	const store, key, jwt, id = "db/store.bolt", "encryption.key", "jwt.secret", "database.id"
	remove := func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }
	empty := func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) }
	halve := func(t *testing.T, path string) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(path, min(info.Size()/2, 20_000))) // most of the store is room to grow
	}
	foreign := func(file string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			data, err := os.ReadFile(filepath.Join(other.DataDir, file))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, data, 0o600))
		}
	}
	for name, tc := range map[string]struct {
		file   string
		damage func(*testing.T, string)
		want   string // "" starts
	}{
		"untouched":       {store, func(*testing.T, string) {}, ""},
		"store missing":   {store, remove, "names another database"},
		"store empty":     {store, empty, "store.bolt"},
		"store truncated": {store, halve, "store.bolt"},
		"store foreign":   {store, foreign(store), "names another database"},
		"key missing":     {key, remove, "encryption.key is missing"},
		"key empty":       {key, empty, "encryption.key is damaged"},
		"key truncated":   {key, halve, "encryption.key is damaged"},
		"key foreign":     {key, foreign(key), "encryption.key is not the one"},
		"jwt missing":     {jwt, remove, "jwt.secret is missing"},
		"jwt empty":       {jwt, empty, "jwt.secret is damaged"},
		"jwt truncated":   {jwt, halve, "jwt.secret is damaged"},
		"jwt foreign":     {jwt, foreign(jwt), "jwt.secret is not the one"},
		"id missing":      {id, remove, ""},
		"id empty":        {id, empty, "names another database"},
		"id foreign":      {id, foreign(id), "names another database"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := dataDir(t)
			require.NoError(t, start(t, cfg, withAccount(t)))
			tc.damage(t, filepath.Join(cfg.DataDir, tc.file))
			err := start(t, cfg, nil)
			if tc.want == "" {
				require.NoError(t, err)
				require.FileExists(t, idFile(cfg))
				return
			}
			require.ErrorContains(t, err, tc.want)
			require.ErrorContains(t, err, cfg.DataDir)
			require.ErrorContains(t, err, "backup")
			require.Error(t, start(t, cfg, nil), "a second try does not start either")
		})
	}
}

// Of a data directory of an earlier version, which has no id, a store that is
// gone leaves only the secrets.
func TestEarlierDataDirectories(t *testing.T) {
	t.Parallel()
	for name, account := range map[string]bool{"with an account": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := dataDir(t)
			use := func(*Server) {}
			if account {
				use = withAccount(t)
			}
			require.NoError(t, start(t, cfg, use))
			asBefore(t, cfg)
			require.NoError(t, start(t, cfg, func(s *Server) {
				who, err := s.db.Identity(t.Context())
				require.NoError(t, err)
				require.NotEmpty(t, who.Secrets, "it is bound then")
			}))
			require.NoError(t, start(t, cfg, nil))

			asBefore(t, cfg)
			require.NoError(t, os.Rename(keyFile(cfg), keyFile(cfg)+".away"))
			if account {
				require.ErrorContains(t, start(t, cfg, nil), "encryption.key is missing")
				require.NoFileExists(t, keyFile(cfg))
			}
			require.NoError(t, os.WriteFile(keyFile(cfg), []byte(newSecret()), 0o600))
			require.ErrorContains(t, start(t, cfg, nil), cfg.DataDir, "another key")
			require.NoError(t, os.Rename(keyFile(cfg)+".away", keyFile(cfg)))
			require.NoError(t, os.Remove(filepath.Join(cfg.DataDir, "db/store.bolt")))
			require.ErrorContains(t, start(t, cfg, nil), "is new, but")
		})
	}
}

func TestFirstStartThatBrokeOff(t *testing.T) {
	t.Parallel()
	cfg := dataDir(t)
	s := New(cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, s.OpenDatabase(t.Context()))
	who, err := s.db.Identity(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.checkFiles(t.Context(), who))
	_, err = loadOrCreateSecrets(keyFile(cfg))
	require.NoError(t, err)
	require.NoError(t, s.CloseDatabase(context.WithoutCancel(t.Context())))
	require.NoError(t, start(t, cfg, nil))
}

func TestNewKeysStayBound(t *testing.T) {
	t.Parallel()
	cfg := dataDir(t)
	require.NoError(t, start(t, cfg, withAccount(t)))
	require.NoError(t, NewKey(cfg, io.Discard))
	require.NoError(t, start(t, cfg, nil))
	require.NoError(t, NewKey(cfg, io.Discard))
	// No server has started with the third key when the others are dropped.
	require.NoError(t, RotateKeys(t.Context(), cfg, true, io.Discard, slog.New(slog.DiscardHandler)))
	secrets, err := readSecrets(keyFile(cfg))
	require.NoError(t, err)
	require.Len(t, secrets, 1)
	require.NoError(t, start(t, cfg, nil))
}

// With configured secrets, as with a MongoDB server, only the database remembers
// which they were.
func TestConfiguredSecrets(t *testing.T) {
	t.Parallel()
	cfg := dataDir(t)
	cfg.EncryptionKey, cfg.JWTSecret = newSecret(), newSecret()
	require.NoError(t, start(t, cfg, withAccount(t)))
	wrong := cfg
	wrong.EncryptionKey = newSecret()
	require.ErrorContains(t, start(t, wrong, nil), "ENCRYPTION_KEY is not the key of this database")
	wrong.EncryptionOldKeys = []string{cfg.EncryptionKey}
	wrong.JWTSecret = newSecret()
	require.NoError(t, start(t, wrong, nil), "a rotation of both")
	require.ErrorContains(t, start(t, cfg, nil), "ENCRYPTION_KEY is not the key of this database", "a server that was left behind")
}

// loadAndBind loads the secrets of a server that is alone, and binds its database to
// them.
func loadAndBind(ctx context.Context, s *Server) error {
	if err := s.LoadSecrets(ctx); err != nil {
		return err
	}
	return s.BindSecrets(ctx)
}
