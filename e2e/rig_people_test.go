package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// person is somebody who is signed in to a server.
type person struct {
	*server
	token string
	email string
}

// accounts are those of Ann and Bob, made once, since few tests are about how
// accounts are made.
var accounts struct {
	once     sync.Once
	files    map[string][]byte // of their server's data directory
	ann, bob string            // their tokens
}

// dataDir returns a data directory in which Ann, an administrator, and Bob have
// accounts.
func dataDir(t *testing.T) string {
	t.Helper()
	accounts.once.Do(func() { makeAccounts(t) })
	require.NotEmpty(t, accounts.files, "the accounts could not be made")
	dir := t.TempDir()
	for name, data := range accounts.files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return dir
}

func makeAccounts(t *testing.T) {
	dir := t.TempDir()
	s := startIn(t, dir)
	ann := s.signUp(t, "ann@example.org", "")
	bob := s.signUp(t, "bob@example.org", ann.inviteCode(t))
	s.stop(t)
	files := map[string][]byte{}
	for path, data := range readAll(t, dir) {
		name, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		files[name] = data
	}
	accounts.ann, accounts.bob, accounts.files = ann.token, bob.token, files
}

// ann is Ann at a server whose data directory is one of dataDir.
func (s *server) ann() *person { return &person{s, accounts.ann, "ann@example.org"} }

// bob is Bob at the same server.
func (s *server) bob() *person { return &person{s, accounts.bob, "bob@example.org"} }

// as is somebody of whom only a token is known.
func (s *server) as(token string) *person { return &person{server: s, token: token} }

// on returns the same person at another process of the server.
func (p *person) on(s *server) *person { return &person{s, p.token, p.email} }

// register asks for an account with the password secret1.
func (s *server) register(t *testing.T, email, code string) answer {
	t.Helper()
	return s.call(t, "POST", api+"/auth/register", "",
		`{"name":"Ann","email":"`+email+`","password":"secret1","confirmPassword":"secret1","inviteCode":"`+code+`"}`)
}

// signUp makes an account. The first one of a server is its administrator's and
// needs no invite code.
func (s *server) signUp(t *testing.T, email, code string) *person {
	t.Helper()
	created := s.register(t, email, code)
	require.Equal(t, http.StatusCreated, created.StatusCode, created.text)
	token, _ := created.json(t)["token"].(string)
	return &person{s, token, email}
}

// signIn logs somebody in on a device.
func (s *server) signIn(t *testing.T, email, password, device string) *person {
	t.Helper()
	res := s.call(t, "POST", api+"/auth/login", "", encoded(t, object{"email": email, "password": password}), "User-Agent", device)
	require.Equal(t, http.StatusOK, res.StatusCode, res.text)
	token, _ := res.json(t)["token"].(string)
	return &person{s, token, email}
}

// inviteCode returns the code that the next account is made with. p is an
// administrator.
func (p *person) inviteCode(t *testing.T) string {
	t.Helper()
	code, _ := p.ask(t, http.StatusOK, "GET", "/settings/invite-code", nil)["inviteCode"].(string)
	return code
}

// newUser makes an account for somebody else. p is an administrator.
func (p *person) newUser(t *testing.T, email string) *person {
	t.Helper()
	return p.signUp(t, email, p.inviteCode(t))
}

// id returns the id of the account.
func (p *person) id(t *testing.T) string {
	t.Helper()
	user, _ := p.ask(t, http.StatusOK, "GET", "/profile", nil)["user"].(object)
	id, _ := user["id"].(string)
	require.NotEmpty(t, id)
	return id
}

// apiToken returns a new API token of the account.
func (p *person) apiToken(t *testing.T, name, scope string) string {
	t.Helper()
	made := p.ask(t, http.StatusCreated, "POST", "/profile/tokens", object{"name": name, "scope": scope})
	token, _ := made["token"].(string)
	return token
}
