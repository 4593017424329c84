package oauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/oauth"
	"github.com/kubeorch/core/pkg/oauth/oauthtest"
)

type object = map[string]any

// hostile is a provider that answers as a test tells it.
type hostile struct {
	*httptest.Server

	key       *ecdsa.PrivateKey
	discovery object // added to the valid document, or in place of its fields
	claims    object // added to the valid id_token, or in place of its claims; nil removes one
	sign      func([]byte) string
	token     http.HandlerFunc // nil: a valid answer with the id_token
	userInfo  any
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	h := &hostile{key: key}
	h.sign = func(payload []byte) string { return signed(t, jose.ES256, key, payload) }
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, with(object{
			"issuer": h.URL, "authorization_endpoint": h.URL + "/auth", "token_endpoint": h.URL + "/token",
			"userinfo_endpoint": h.URL + "/userinfo", "jwks_uri": h.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
		}, h.discovery))
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k", Algorithm: "ES256"}}})
	})
	mux.HandleFunc("/userinfo", func(w http.ResponseWriter, _ *http.Request) { answer(w, h.userInfo) })
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if h.token != nil {
			h.token(w, r)
			return
		}
		payload, _ := json.Marshal(with(object{
			"iss": h.URL, "aud": oauthtest.ClientID, "sub": "s-1", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
			"nonce": nonce, "email": "ann@example.org", "email_verified": true, "name": "Ann",
		}, h.claims))
		answer(w, object{"access_token": "at", "token_type": "Bearer", "id_token": h.sign(payload)})
	})
	h.Server = httptest.NewServer(mux)
	t.Cleanup(h.Close)
	return h
}

const nonce = "the-nonce-of-the-test"

func with(right, change object) object {
	for k, v := range change {
		if v == nil {
			delete(right, k)
			continue
		}
		right[k] = v
	}
	return right
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func signed(t *testing.T, alg jose.SignatureAlgorithm, key any, payload []byte) string {
	t.Helper()
	opts := (&jose.SignerOptions{}).WithHeader("kid", "k")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	require.NoError(t, err)
	jws, err := signer.Sign(payload)
	require.NoError(t, err)
	out, err := jws.CompactSerialize()
	require.NoError(t, err)
	return out
}

func (h *hostile) login(t *testing.T) (oauth.Person, error) {
	t.Helper()
	p := openID(t, h.URL, &clock{})
	a := attempt()
	a.Nonce = nonce
	return p.Login(t.Context(), a, oauth.Callback{Code: "the-code"})
}

func TestHostileTokens(t *testing.T) {
	t.Parallel()
	foreign, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	for name, tc := range map[string]struct {
		claims object
		sign   func(right func([]byte) string, payload []byte) string
	}{
		"another issuer":           {claims: object{"iss": "https://evil.example"}},
		"another audience":         {claims: object{"aud": "another-client"}},
		"several audiences":        {claims: object{"aud": []string{oauthtest.ClientID, "another-client"}}},
		"authorised another":       {claims: object{"azp": "another-client"}},
		"expired":                  {claims: object{"exp": time.Now().Add(-time.Minute).Unix()}},
		"without end":              {claims: object{"exp": nil}},
		"not valid yet":            {claims: object{"nbf": time.Now().Add(time.Hour).Unix()}},
		"another nonce":            {claims: object{"nonce": "another"}},
		"no nonce":                 {claims: object{"nonce": nil}},
		"no subject":               {claims: object{"sub": nil}},
		"a huge subject":           {claims: object{"sub": strings.Repeat("s", 300)}},
		"for another access token": {claims: object{"at_hash": "YWJjZGVmZ2hpamtsbW5vcA"}},
		"a foreign key":            {sign: func(_ func([]byte) string, p []byte) string { return signed(t, jose.ES256, foreign, p) }},
		"the secret as key": {sign: func(_ func([]byte) string, p []byte) string {
			return signed(t, jose.HS256, []byte(oauthtest.ClientSecret+strings.Repeat(" ", 9)), p)
		}},
		"no algorithm": {sign: func(_ func([]byte) string, p []byte) string {
			return encode([]byte(`{"alg":"none"}`)) + "." + encode(p) + "."
		}},
		"none":           {sign: func(func([]byte) string, []byte) string { return "" }},
		"100 KB of dots": {sign: func(func([]byte) string, []byte) string { return strings.Repeat(".", 100_000) }},
		"altered after it was signed": {sign: func(right func([]byte) string, p []byte) string {
			parts := strings.Split(right(p), ".")
			parts[1] = encode([]byte(strings.Replace(string(p), "s-1", "s-2", 1)))
			return strings.Join(parts, ".")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHostile(t)
			_, err := h.login(t)
			require.NoError(t, err, "the form that the case spoils")
			h.claims = tc.claims
			if right := h.sign; tc.sign != nil {
				h.sign = func(p []byte) string { return tc.sign(right, p) }
			}
			_, err = h.login(t)
			requireReason(t, oauth.Untrusted, err)
			require.Less(t, len(err.Error()), 600)
		})
	}
}

func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	const page = "<html><body>the-code " + oauthtest.ClientSecret + "</body></html>"
	status := func(code int, media, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			w.Header().Set("Location", "https://evil.example/steal")
			w.WriteHeader(code)
			_, _ = w.Write([]byte(text))
		}
	}
	for name, tc := range map[string]struct {
		discovery object
		token     http.HandlerFunc
		want      oauth.Reason
	}{
		"discovery of another issuer": {discovery: object{"issuer": "https://evil.example"}, want: oauth.Unreachable},
		"a script for a login page":   {discovery: object{"authorization_endpoint": "javascript:alert(1)"}, want: oauth.Unreachable},
		"a file for a token endpoint": {discovery: object{"token_endpoint": "file:///etc/passwd"}, want: oauth.Unreachable},
		"the cloud's metadata":        {discovery: object{"token_endpoint": "http://169.254.169.254/latest"}, want: oauth.Unreachable},
		"no keys":                     {discovery: object{"jwks_uri": nil}, want: oauth.Unreachable},
		"keys that are a page":        {discovery: object{"jwks_uri": "http://127.0.0.1:1/"}, want: oauth.Untrusted},
		"a server error":              {token: status(500, "text/html", page), want: oauth.Unreachable},
		"a page for a token":          {token: status(200, "text/html", page), want: oauth.Unreachable},
		"a redirect":                  {token: status(307, "text/html", page), want: oauth.Unreachable},
		"a refusal":                   {token: status(400, "application/json", `{"error":"invalid_grant","error_description":"the-code"}`), want: oauth.Refused},
		"a refusal with status 200":   {token: status(200, "application/json", `{"error":"bad_verification_code"}`), want: oauth.Refused},
		"2 MB":                        {token: status(200, "application/json", `{"access_token":"`+strings.Repeat("a", 2<<20)+`"}`), want: oauth.Unreachable},
		"no access token":             {token: status(200, "application/json", `{}`), want: oauth.Unreachable},
		"no id_token":                 {token: status(200, "application/json", `{"access_token":"at"}`), want: oauth.Untrusted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHostile(t)
			h.discovery, h.token = tc.discovery, tc.token
			_, err := h.login(t)
			requireReason(t, tc.want, err)
			require.Less(t, len(err.Error()), 600)
			require.NotContains(t, err.Error(), "the-code")
			require.NotContains(t, err.Error(), oauthtest.ClientSecret)
		})
	}
}

func TestSlowProvider(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	h.token = func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // without it the server does not notice that a client disconnects
		<-r.Context().Done()
	}
	p := oauth.New(oauth.Config{IssuerURL: h.URL, ClientID: oauthtest.ClientID, AllowHTTP: true}, client(50*time.Millisecond), time.Now)
	t.Cleanup(p.Close)
	_, err := p.Login(t.Context(), attempt(), oauth.Callback{Code: "x"})
	requireReason(t, oauth.Unreachable, err)
}
