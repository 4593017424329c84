package oauthtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// people are the accounts at a provider. The storage reads them while tests
// add some.
type people struct {
	mu   sync.Mutex
	byID map[string]*storage.User
}

func (p *people) put(u *storage.User) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byID[u.ID] = u
}

// GetUserByID returns an account, or nil.
func (p *people) GetUserByID(id string) *storage.User {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byID[id]
}

// GetUserByUsername returns an account, or nil.
func (p *people) GetUserByUsername(name string) *storage.User {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range p.byID {
		if u.Username == name {
			return u
		}
	}
	return nil
}

// ExampleClientID is asked for by the storage and not used here.
func (p *people) ExampleClientID() string { return "" }

// rotating is the storage with a key that can be replaced.
type rotating struct {
	*storage.Storage

	mu  sync.Mutex
	now signingKey
	t   testing.TB
}

func newRotating(t testing.TB, s *storage.Storage) *rotating {
	r := &rotating{Storage: s, t: t}
	r.rotate()
	return r
}

func (r *rotating) rotate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(r.t, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = signingKey{rand.Text(), key}
}

func (r *rotating) key() signingKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// SigningKey returns the present key.
func (r *rotating) SigningKey(context.Context) (op.SigningKey, error) { return r.key(), nil }

// SignatureAlgorithms returns that of the keys.
func (r *rotating) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

// KeySet returns the present key's public half.
func (r *rotating) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{publicKey{r.key()}}, nil
}

type signingKey struct {
	id  string
	key *ecdsa.PrivateKey
}

// SignatureAlgorithm returns the key's.
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }

// Key returns the private key.
func (k signingKey) Key() any { return k.key }

// ID returns the key's id.
func (k signingKey) ID() string { return k.id }

type publicKey struct{ of signingKey }

// ID returns the key's id.
func (k publicKey) ID() string { return k.of.id }

// Algorithm returns the key's.
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.ES256 }

// Use says that the key signs.
func (k publicKey) Use() string { return "sig" }

// Key returns the public key.
func (k publicKey) Key() any { return &k.of.key.PublicKey }

// requestLog counts what a provider is asked for.
type requestLog struct {
	mu    sync.Mutex
	paths map[string]int
}

func (l *requestLog) of(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		if l.paths == nil {
			l.paths = map[string]int{}
		}
		l.paths[r.URL.Path]++
		l.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

func (l *requestLog) count(path string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.paths[path]
}
