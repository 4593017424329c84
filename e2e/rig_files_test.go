package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/pkg/encryption"
)

// readAll returns the files below dir by path.
func readAll(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files[path], err = os.ReadFile(path)
		return err
	}))
	return files
}

// keysIn returns a box with the encryption keys of a data directory.
func keysIn(t *testing.T, dir string) *encryption.Box {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "encryption.key"))
	require.NoError(t, err)
	keys := strings.Fields(string(text))
	box, err := encryption.NewBox(keys[0], keys[1:]...)
	require.NoError(t, err)
	return box
}

// withDatabase calls do with the database of a server that does not run.
func withDatabase(t *testing.T, dir string, do func(*database.DB)) {
	t.Helper()
	db, err := database.Open(t.Context(), database.Config{DataDir: dir})
	require.NoError(t, err)
	do(db)
	require.NoError(t, db.Close(t.Context()))
}
