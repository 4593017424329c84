package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

type fakeLogins struct {
	begin  func(provider string) (models.OAuthStart, error)
	finish func(models.OAuthReturn) (string, error)
}

func (f fakeLogins) Begin(_ context.Context, provider string) (models.OAuthStart, error) {
	return f.begin(provider)
}

func (f fakeLogins) Finish(_ context.Context, in models.OAuthReturn) (string, error) {
	return f.finish(in)
}

func (f fakeLogins) Exchange(context.Context, models.OAuthExchange) (models.Session, error) {
	return models.Session{}, errors.New("not planned")
}

func serveOAuth(t *testing.T, base string, f fakeLogins, path string, cookies ...*http.Cookie) *http.Response {
	t.Helper()
	h := NewOAuth(f, base, "https://app.example")
	log := slog.New(slog.DiscardHandler)
	e := gin.New()
	e.GET("/auth/oauth/:provider/authorize", Handle(log, h.Authorize))
	e.GET("/auth/oauth/:provider/callback", Handle(log, h.Callback))
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	req.Header.Set("Accept", "text/html")
	for _, c := range cookies {
		req.AddCookie(c)
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, req)
	res := w.Result()
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusTemporaryRedirect, res.StatusCode)
	require.Zero(t, w.Body.Len())
	return res
}

func TestOAuthCookie(t *testing.T) {
	t.Parallel()
	begin := func(string) (models.OAuthStart, error) {
		return models.OAuthStart{URL: "https://id.example/?state=s", State: "s", Browser: models.NewSecret("kept")}, nil
	}
	for base, secure := range map[string]bool{"https://k.example/kube": true, "http://localhost:3000/kube": false} {
		res := serveOAuth(t, base, fakeLogins{begin: begin}, "/auth/oauth/corp/authorize")
		require.Equal(t, "https://id.example/?state=s", res.Header.Get("Location"))
		c := res.Cookies()[0]
		require.Equal(t, "kept", c.Value)
		require.Equal(t, "/kube/v1/api/auth/oauth/corp/callback", c.Path)
		require.Equal(t, 600, c.MaxAge)
		require.True(t, c.HttpOnly)
		require.Equal(t, secure, c.Secure)
		require.Equal(t, http.SameSiteLaxMode, c.SameSite)

		var got models.OAuthReturn
		finish := func(in models.OAuthReturn) (string, error) { got = in; return "c/d", nil }
		back := "/auth/oauth/corp/callback?state=s&code=x&iss=https%3A%2F%2Fid.example"
		res = serveOAuth(t, base, fakeLogins{finish: finish}, back, &http.Cookie{Name: c.Name, Value: c.Value})
		require.Equal(t, "https://app.example/auth/callback?code=c%2Fd", res.Header.Get("Location"))
		require.Equal(t, models.OAuthReturn{
			Provider: "corp", State: "s", Browser: models.NewSecret("kept"), Code: models.NewSecret("x"), Issuer: "https://id.example",
		}, got)
		gone := res.Cookies()[0]
		require.Equal(t, []any{c.Name, c.Path, -1, ""}, []any{gone.Name, gone.Path, gone.MaxAge, gone.Value})

		res = serveOAuth(t, base, fakeLogins{finish: finish}, "/auth/oauth/corp/callback?state=other&code=x", &http.Cookie{Name: c.Name, Value: c.Value})
		require.True(t, got.Browser.Empty(), "the cookie is for another state")
		require.Empty(t, res.Cookies())
	}
}

func TestOAuthFailuresGoToTheLoginPage(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"https://app.example/login?error=no+%22way%22%26":                                      &models.Error{Kind: models.Forbidden, Msg: `no "way"&`},
		"https://app.example/login?error=something+went+wrong+on+our+side%3B+please+try+again": errors.New("db at 10.0.0.7 is gone"),
	} {
		f := fakeLogins{
			begin:  func(string) (models.OAuthStart, error) { return models.OAuthStart{}, err },
			finish: func(models.OAuthReturn) (string, error) { return "", err },
		}
		for _, path := range []string{"/auth/oauth/corp/authorize", "/auth/oauth/corp/callback?error=x"} {
			require.Equal(t, want, serveOAuth(t, "https://k.example", f, path).Header.Get("Location"))
		}
	}
}
