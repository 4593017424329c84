package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/encryption"
	"github.com/kubeorch/core/repositories"
)

// insertForeignClusters stores clusters of an account that is not there.
func insertForeignClusters(t *testing.T, dir string, count int) {
	t.Helper()
	box := keysIn(t, dir)
	withDatabase(t, dir, func(db *database.DB) {
		clusters := repositories.NewClusters(db.Database())
		for n := range count {
			id := models.NewID()
			sealed, err := box.Seal([]byte(`{"token":"theirs"}`), models.SealedClusterCredentials.Place(id))
			require.NoError(t, err)
			_, err = clusters.Insert(t.Context(), models.Cluster{
				ID: id, OwnerID: "stranger", Name: fmt.Sprint("c", n), Server: nowhere, AuthType: models.AuthToken, Sealed: sealed,
			})
			require.NoError(t, err)
		}
	})
}

// storedTokens returns the tokens that box opens, by owner and name, and requires
// that it opens all; current counts those under its present key.
func storedTokens(t *testing.T, dir string, box *encryption.Box) (tokens map[string]string, current int) {
	t.Helper()
	tokens = map[string]string{}
	withDatabase(t, dir, func(db *database.DB) {
		all, err := repositories.NewClusters(db.Database()).All(t.Context())
		require.NoError(t, err)
		for _, c := range all {
			plain, err := box.Open(c.Sealed, models.SealedClusterCredentials.Place(c.ID))
			require.NoError(t, err, c.Name)
			var cred models.ClusterCredentials
			require.NoError(t, json.Unmarshal(plain, &cred))
			tokens[c.OwnerID+"/"+c.Name] = cred.Token
			if box.Current(c.Sealed) {
				current++
			}
		}
	})
	return tokens, current
}

// changeCredentials changes the tokens of count clusters of p again and again until stop
// is called or the server is gone, and keeps those that were accepted in tokens.
func (p *person) changeCredentials(t *testing.T, count int, tokens *sync.Map) (stop func() (changes int64)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var changes atomic.Int64
	const workers = 4
	for w := range workers {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				name, token := fmt.Sprint("c", (n*workers+w)%count), fmt.Sprint("token-", w, "-", n)
				status, _, err := p.send(context.WithoutCancel(ctx), "PUT", "/clusters/"+name+"/credentials",
					`{"credentials":{"insecure":true,"token":"`+token+`"}}`)
				if err != nil {
					tokens.Delete(name) // nobody knows whether it was stored
					return
				}
				if status == http.StatusOK {
					tokens.Store(name, token)
					changes.Add(1)
				}
			}
		})
	}
	return func() int64 { cancel(); all.Wait(); return changes.Load() }
}

// startRotation starts rotate-keys and returns when it has printed its first line.
func startRotation(t *testing.T, dir string) (cmd *exec.Cmd, rest func() string) {
	t.Helper()
	cmd, first, rest := beginCommand(t, dir, "rotate-keys")
	require.Contains(t, first, "clusters/credentials: 50 of ")
	return cmd, rest
}

// Keys are rotated while credentials change, across the death of the server in
// the middle. Afterwards everything opens with the new key alone and no change
// is lost.
func TestKeyRotationOnline(t *testing.T) {
	t.Parallel()
	const count, others = 200, 2000
	dir := dataDir(t)
	server := startIn(t, dir, "MAX_CLUSTERS_PER_USER", "0")
	ann := server.ann()
	for n := range count {
		ann.addNowhere(t, fmt.Sprint("c", n))
	}
	server.stop(t)
	insertForeignClusters(t, dir, others)
	commanded(t, dir, "new-key")

	server = startIn(t, dir, "MAX_CLUSTERS_PER_USER", "0")
	var tokens sync.Map
	stop := ann.on(server).changeCredentials(t, count, &tokens)
	cmd, rest := startRotation(t, dir)
	server.kill(t)
	require.Contains(t, rest(), "run rotate-keys again")
	require.Error(t, cmd.Wait())
	changes := stop()
	_, current := storedTokens(t, dir, keysIn(t, dir))
	require.Positive(t, current)
	require.Less(t, current, count+others, "it was to be killed in the middle")
	t.Logf("killed after %d changes, when %d of %d were under the new key", changes, current, count+others)
	require.FileExists(t, filepath.Join(dir, "kubeorch.sock"), "left by the killed server")

	server = startIn(t, dir)
	stop = ann.on(server).changeCredentials(t, count, &tokens)
	begin := time.Now()
	out := commanded(t, dir, "rotate-keys")
	t.Logf("%d changes during %s:\n%s", stop(), time.Since(begin), out)
	require.Contains(t, out, ", 0 unreadable")
	require.Contains(t, commanded(t, dir, "rotate-keys", "--drop-old"), "Removed key ")
	require.Len(t, keysIn(t, dir).Keys(), 1)
	server.stop(t)
	require.NoFileExists(t, filepath.Join(dir, "kubeorch.sock"))

	found, current := storedTokens(t, dir, keysIn(t, dir))
	require.Equal(t, count+others, current)
	accepted := 0
	tokens.Range(func(name, token any) bool {
		accepted++
		require.Equal(t, token, found[ownerOf(found)+"/"+name.(string)], name)
		return true
	})
	require.Positive(t, accepted)
	list := ann.on(startIn(t, dir)).ask(t, 200, "GET", "/clusters", nil)
	require.Len(t, list["clusters"], count)
}

// ownerOf returns who besides the stranger has clusters.
func ownerOf(tokens map[string]string) string {
	for place := range tokens {
		if owner, _, _ := strings.Cut(place, "/"); owner != "stranger" {
			return owner
		}
	}
	return ""
}

// A rotation without a server is killed as well, and the next one finishes it.
func TestKeyRotationOffline(t *testing.T) {
	t.Parallel()
	const count = 3000
	dir := dataDir(t)
	insertForeignClusters(t, dir, count)
	commanded(t, dir, "new-key")
	cmd, _ := startRotation(t, dir)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	_, current := storedTokens(t, dir, keysIn(t, dir))
	require.Positive(t, current)
	require.Less(t, current, count, "it was to be killed in the middle")

	begin := time.Now()
	out := commanded(t, dir, "rotate-keys", "--drop-old")
	require.Contains(t, out, fmt.Sprintf("%d values rewritten, %d already current, 0 unreadable", count-current, current))
	t.Logf("killed at %d of %d; the rest took %s, %.0f records/s", current, count, time.Since(begin), float64(count-current)/time.Since(begin).Seconds())
	_, current = storedTokens(t, dir, keysIn(t, dir))
	require.Equal(t, count, current)
	require.Len(t, keysIn(t, dir).Keys(), 1)
}
