package kubetest

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Issuer is an OpenID provider whose refresh tokens are good for one use. Its ID
// tokens are of an administrator of a cluster that is started with Flags. Its
// methods are safe for concurrent use.
type Issuer struct {
	URL          string
	ClientID     string
	ClientSecret string

	ca  []byte
	key *rsa.PrivateKey

	mu       sync.Mutex
	good     map[string]bool // refresh tokens
	newest   string
	lifetime time.Duration
	instead  http.HandlerFunc
	redeemed int
	refused  int
}

// NewIssuer starts a provider and stops it when t ends.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &Issuer{ClientID: "kubeorch-test", ClientSecret: rand.Text(), key: key, good: map[string]bool{}, lifetime: time.Hour}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /keys", i.keys)
	mux.HandleFunc("POST /token", i.token)
	srv := httptest.NewUnstartedServer(i.unlessBroken(mux))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	i.URL = srv.URL
	i.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	return i
}

// CA is the certificate authority of the provider, in PEM.
func (i *Issuer) CA() []byte { return bytes.Clone(i.ca) }

// Flags are the arguments for NewPrivate that make a cluster trust i.
func (i *Issuer) Flags(t testing.TB) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "issuer.crt")
	if err := os.WriteFile(file, i.ca, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--oidc-issuer-url=" + i.URL, "--oidc-client-id=" + i.ClientID, "--oidc-ca-file=" + file}
}

// Login returns a refresh token, as a login does.
func (i *Issuer) Login() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fresh()
}

// fresh returns a new refresh token. i.mu must be held.
func (i *Issuer) fresh() string {
	i.newest = "refresh-" + rand.Text()
	i.good[i.newest] = true
	return i.newest
}

// Newest returns the refresh token that was issued last.
func (i *Issuer) Newest() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.newest
}

// Counts returns how many refresh tokens have been redeemed and refused.
func (i *Issuer) Counts() (redeemed, refused int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.redeemed, i.refused
}

// SetLifetime sets the lifetime of ID tokens that are issued from now on.
func (i *Issuer) SetLifetime(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.lifetime = d
}

// Break makes h answer all requests; nil ends that.
func (i *Issuer) Break(h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.instead = h
}

func (i *Issuer) unlessBroken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		instead := i.instead
		i.mu.Unlock()
		if instead != nil {
			instead(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer": i.URL, "token_endpoint": i.URL + "/token", "authorization_endpoint": i.URL + "/auth", "jwks_uri": i.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256"}, "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"},
	})
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	text := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
	answer(w, http.StatusOK, map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1",
		"n": text(i.key.N), "e": text(big.NewInt(int64(i.key.E))),
	}}})
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	i.mu.Lock()
	defer i.mu.Unlock()
	switch old := r.PostFormValue("refresh_token"); {
	case id != i.ClientID || secret != i.ClientSecret:
		i.refused++
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
	case r.PostFormValue("grant_type") != "refresh_token" || !i.good[old]:
		i.refused++
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": "not " + old})
	default:
		i.redeemed++
		delete(i.good, old)
		answer(w, http.StatusOK, map[string]any{
			"access_token": "access-" + rand.Text(), "token_type": "Bearer", "expires_in": int(i.lifetime.Seconds()),
			"refresh_token": i.fresh(), "id_token": i.idToken(),
		})
	}
}

// idToken returns a signed ID token. i.mu must be held.
func (i *Issuer) idToken() string {
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": i.URL, "aud": i.ClientID, "sub": "ann", "groups": []string{"cluster-admins"},
		"iat": now.Unix(), "exp": now.Add(i.lifetime).Unix(), "jti": rand.Text(),
	})
	token.Header["kid"] = "1"
	text, err := token.SignedString(i.key)
	if err != nil {
		return ""
	}
	return text
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
