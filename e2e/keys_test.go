package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
	"github.com/kubeorch/core/repositories"
)

func TestRunningServerHasToKnowTheKey(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	server := startIn(t, dir)
	ann := server.ann()
	ann.addNowhere(t, "far")
	info, err := os.Stat(filepath.Join(dir, "kubeorch.sock"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	old := keysIn(t, dir).Keys()[0]
	require.Contains(t, commanded(t, dir, "rotate-keys"), "0 values rewritten, 1 already current")
	recorded, _ := ann.auditTrail(t, "action", "keys.rotate")
	require.Equal(t, []string{"keys.rotate success - ?"}, summaries(recorded))

	commanded(t, dir, "new-key")
	_, err = command(t, dir, "rotate-keys", "--drop-old")
	require.ErrorContains(t, err, "restart it with the new key first")
	require.Len(t, keysIn(t, dir).Keys(), 2, "nothing was dropped")
	server.stop(t)

	startIn(t, dir)
	out := commanded(t, dir, "rotate-keys")
	require.Contains(t, out, "1 values rewritten")
	require.Contains(t, out, "No record needs key "+old+" any more: kubeorch rotate-keys --drop-old removes it")
}

// A record that does not open is told with its id, stays out of everybody's
// way, and can be given new credentials.
func TestRecordThatDoesNotOpen(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	server := startIn(t, dir)
	ann := server.ann()
	for _, name := range []string{"good", "bad", "fine"} {
		ann.addNowhere(t, name)
	}
	server.stop(t)
	var id string
	withDatabase(t, dir, func(db *database.DB) {
		all, err := repositories.NewClusters(db.Database()).All(t.Context())
		require.NoError(t, err)
		for _, c := range all {
			if c.Name == "bad" {
				id = c.ID
				n, err := repositories.NewSealedValues(db.Database()).Swap(t.Context(), models.SealedClusterCredentials,
					[]models.SealedSwap{{ID: c.ID, Old: c.Sealed, New: []byte("damaged")}})
				require.NoError(t, err)
				require.Equal(t, 1, n)
			}
		}
	})

	ann = ann.on(startIn(t, dir))
	list := ann.ask(t, 200, "GET", "/clusters", nil)
	require.Len(t, list["clusters"], 3)
	for _, name := range []string{"good", "bad", "fine"} {
		require.Equal(t, name, ann.ask(t, 200, "GET", "/clusters/"+name, nil)["name"])
		ann.ask(t, 200, "GET", "/clusters/"+name+"/status", nil)
	}
	tested := ann.call(t, "POST", api+"/clusters/bad/test", ann.token, "")
	require.Equal(t, 503, tested.StatusCode)
	require.Contains(t, tested.text, "cannot be decrypted; enter them again")
	require.Equal(t, "error", ann.ask(t, 200, "GET", "/clusters/bad/status", nil)["status"])

	out, err := command(t, dir, "rotate-keys")
	require.ErrorContains(t, err, "1 values cannot be read")
	require.Contains(t, out, "unreadable: clusters/credentials of record "+id+": ")
	require.Contains(t, out, "2 already current, 1 unreadable")

	ann.ask(t, 200, "PUT", "/clusters/bad/credentials", object{"credentials": object{"token": "again", "insecure": true}})
	require.Contains(t, commanded(t, dir, "rotate-keys"), "3 already current, 0 unreadable")
}

func TestConfiguredKeys(t *testing.T) {
	t.Parallel()
	const old, fresh = "an old key that has 32 characters", "a new key that has 32 characters!"
	dir := t.TempDir()
	server := startIn(t, dir, "ENCRYPTION_KEY", old)
	ann := server.signUp(t, "ann@example.org", "")
	ann.addNowhere(t, "far")
	server.stop(t)

	rotate := func(args []string, env ...string) (string, error) { return commandWith(t, dir, env, args...) }
	_, err := rotate([]string{"new-key"}, "ENCRYPTION_KEY", old)
	require.ErrorContains(t, err, "move its value to ENCRYPTION_OLD_KEYS")
	_, err = rotate([]string{"rotate-keys", "--drop-old"}, "ENCRYPTION_KEY", old)
	require.ErrorContains(t, err, "remove them from ENCRYPTION_OLD_KEYS")
	_, err = rotate([]string{"rotate-keys"})
	require.ErrorContains(t, err, "there is no encryption key")
	_, err = rotate([]string{"new-key"})
	require.ErrorContains(t, err, "on its first start")
	_, err = rotate([]string{"serve", "--drop-old"})
	require.ErrorContains(t, err, "for rotate-keys")
	out, err := rotate([]string{"rotate-keys"}, "ENCRYPTION_KEY", fresh)
	require.ErrorContains(t, err, "1 values cannot be read")
	require.Contains(t, out, "which is not configured")

	env := []string{"ENCRYPTION_KEY", fresh, "ENCRYPTION_OLD_KEYS", old}
	ann = ann.on(startIn(t, dir, env...))
	out, err = rotate([]string{"rotate-keys"}, env...)
	require.NoError(t, err)
	require.Contains(t, out, "1 values rewritten")
	require.Contains(t, out, "remove it from ENCRYPTION_OLD_KEYS")
	require.NotContains(t, out, old)
	require.NotContains(t, out, fresh)
	ann.stop(t)

	ann = ann.on(startIn(t, dir, "ENCRYPTION_KEY", fresh))
	kubetest.Eventually(t, "the credentials to open", func(context.Context) error {
		tested := ann.call(t, "POST", api+"/clusters/far/test", ann.token, "")
		if strings.Contains(tested.text, "decrypt") {
			return fmt.Errorf("they do not: %s", tested.text)
		}
		return nil
	})
}

// A data directory whose path is too long for a socket is served all the same.
func TestPathTooLongForASocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	server := startIn(t, dir)
	require.Contains(t, server.log.String(), "choose a shorter DATA_DIR")
	_, err := command(t, dir, "rotate-keys")
	require.ErrorContains(t, err, "stop the server first")
	require.ErrorContains(t, err, "choose a shorter DATA_DIR")
	server.stop(t)
	require.Contains(t, commanded(t, dir, "rotate-keys"), "0 values rewritten")
}
