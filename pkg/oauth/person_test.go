package oauth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/oauth"
	"github.com/kubeorch/core/pkg/oauth/oauthtest"
)

// An address counts as verified only by the claim beside it.
func TestWhatIsVerified(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		claims, info object
		mapping      oauth.Mapping
		trust        bool
		want         oauth.Person
	}{
		"as text":               {claims: object{"email_verified": "true"}, want: oauth.Person{Email: "ann@example.org", Name: "Ann", Checked: oauth.Verified}},
		"not":                   {claims: object{"email_verified": false}, trust: true, want: oauth.Person{Email: "ann@example.org", Name: "Ann", Checked: oauth.Unverified}},
		"as a number":           {claims: object{"email_verified": 1}, want: oauth.Person{Email: "ann@example.org", Name: "Ann", Checked: oauth.Unverified}},
		"not said":              {claims: object{"email_verified": nil}, info: object{"sub": "s-1"}, want: oauth.Person{Email: "ann@example.org", Name: "Ann", Checked: oauth.Unverified}},
		"not said, and trusted": {claims: object{"email_verified": nil}, trust: true, want: oauth.Person{Email: "ann@example.org", Name: "Ann", Checked: oauth.Verified}},
		"said of another address": {
			claims: object{"email_verified": nil}, info: object{"sub": "s-1", "email": "bob@example.org", "email_verified": true},
			want: oauth.Person{Email: "bob@example.org", Name: "Ann", Checked: oauth.Verified},
		},
		"an address of another claim": {
			claims: object{"upn": "ceo@example.org"}, info: object{"sub": "s-1"}, mapping: oauth.Mapping{Email: "upn"},
			want: oauth.Person{Email: "ceo@example.org", Name: "Ann", Checked: oauth.Unverified},
		},
		"mapped, with dots": {
			claims:  object{"user": object{"mails": []any{"x@example.org"}, "checked": true, "full": "X"}},
			mapping: oauth.Mapping{Email: "user.mails.0", EmailVerified: "user.checked", Name: "user.full"},
			want:    oauth.Person{Email: "x@example.org", Name: "X", Checked: oauth.Verified},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHostile(t)
			h.claims, h.userInfo = tc.claims, tc.info
			p := oauth.New(oauth.Config{
				IssuerURL: h.URL, ClientID: oauthtest.ClientID, AllowHTTP: true, Claims: tc.mapping, TrustEmail: tc.trust,
			}, client(10*time.Second), time.Now)
			t.Cleanup(p.Close)
			a := attempt()
			a.Nonce = nonce
			who, err := p.Login(t.Context(), a, oauth.Callback{Code: "x"})
			require.NoError(t, err)
			tc.want.Subject = "s-1"
			require.Equal(t, tc.want, who)
		})
	}
	h := newHostile(t)
	h.claims, h.userInfo = object{"email": nil}, object{"sub": "somebody-else", "email": "ann@example.org", "email_verified": true}
	_, err := h.login(t)
	requireReason(t, oauth.Untrusted, err)
}

// gitHub answers as GitHub does: a form for a token, numbers for ids.
func gitHub(t *testing.T, profile object, emails any) *oauth.Provider {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login/oauth/access_token", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("code_verifier") == "" {
			http.Error(w, "no verifier", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-www-form-urlencoded")
		_, _ = fmt.Fprint(w, "access_token=gho_x&scope=user%3Aemail&token_type=bearer")
	})
	bearer := func(v any) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer gho_x" || v == nil {
				http.Error(w, "no", http.StatusNotFound)
				return
			}
			answer(w, v)
		}
	}
	mux.HandleFunc("GET /user", bearer(profile))
	mux.HandleFunc("GET /user/emails", bearer(emails))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	p := oauth.New(oauth.Config{
		AuthorizationURL: s.URL + "/login/oauth/authorize", TokenURL: s.URL + "/login/oauth/access_token", UserInfoURL: s.URL + "/user",
		ClientID: "id", ClientSecret: "secret", RedirectURL: redirect, Scopes: []string{"read:user", "user:email"}, GitHub: true,
	}, client(10*time.Second), time.Now)
	t.Cleanup(p.Close)
	return p
}

func TestGitHub(t *testing.T) {
	t.Parallel()
	profile := object{"id": json.Number("583231000000000001"), "login": "octo", "name": nil, "email": "shown@example.org"}
	list := []object{
		{"email": "old@example.org", "verified": true}, {"email": "octo@example.org", "primary": true, "verified": true},
	}
	p := gitHub(t, profile, list)
	at, err := p.AuthURL(t.Context(), attempt())
	require.NoError(t, err)
	require.Contains(t, at, "code_challenge_method=S256")
	require.Contains(t, at, "scope=read%3Auser+user%3Aemail")
	require.NotContains(t, at, "nonce")

	who, err := p.Login(t.Context(), attempt(), oauth.Callback{Code: "x"})
	require.NoError(t, err)
	require.Equal(t, oauth.Person{Subject: "583231000000000001", Email: "octo@example.org", Name: "octo", Checked: oauth.Verified}, who)

	who, err = gitHub(t, profile, []object{{"email": "octo@example.org", "primary": true}}).Login(t.Context(), attempt(), oauth.Callback{Code: "x"})
	require.NoError(t, err)
	require.Empty(t, who.Email, "neither the one that is shown nor one that is not verified")
	_, err = gitHub(t, profile, nil).Login(t.Context(), attempt(), oauth.Callback{Code: "x"})
	requireReason(t, oauth.Unreachable, err)
}
