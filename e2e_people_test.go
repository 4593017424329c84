package main

import (
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// people are two accounts that are made once. Hashing a password takes seconds
// under the race detector, and few tests are about that.
var people struct {
	once     sync.Once
	files    map[string][]byte // of their server's data directory
	ann, bob string            // their tokens
}

// house returns a data directory in which Ann, an administrator, and Bob have
// accounts.
func house(t *testing.T) string {
	t.Helper()
	people.once.Do(func() { moveIn(t) })
	require.NotEmpty(t, people.files, "the accounts could not be made")
	dir := t.TempDir()
	for name, data := range people.files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return dir
}

func moveIn(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	people.ann = r.signUp(t, "ann@example.org", "")
	ann := r.annIn(t)
	code, _ := ann.ask(t, http.StatusOK, "GET", "/settings/invite-code", nil)["inviteCode"].(string)
	people.bob = r.signUp(t, "bob@example.org", code)
	require.NoError(t, r.stop())
	files := map[string][]byte{}
	for path, data := range readAll(t, dir) {
		name, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		files[name] = data
	}
	people.files = files
}

func (r *running) signUp(t *testing.T, email, code string) (token string) {
	t.Helper()
	created := r.register(t, email, code)
	require.Equal(t, http.StatusCreated, created.StatusCode, created.text)
	token, _ = created.json(t)["token"].(string)
	return token
}

// annIn is Ann at a server whose data directory is a house.
func (r *running) annIn(t *testing.T) *person {
	t.Helper()
	t.Cleanup(func() { require.NotContains(t, r.log.String(), "panic") })
	return &person{r, people.ann}
}

// bob is Bob at the same server.
func (p *person) bob() *person { return &person{p.running, people.bob} }
