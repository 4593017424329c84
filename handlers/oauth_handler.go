package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// oauthStateSeconds is how long the cookie of a login lasts.
const oauthStateSeconds = 10 * 60

// providerLogins is what these handlers need.
type providerLogins interface {
	Begin(ctx context.Context, provider string) (models.OAuthStart, error)
	Finish(ctx context.Context, in models.OAuthReturn) (code string, err error)
	Exchange(ctx context.Context, in models.OAuthExchange) (models.Session, error)
}

// OAuth serves /auth/oauth.
type OAuth struct {
	svc      providerLogins
	frontend string
	path     string // that a proxy puts before the API's
	secure   bool
}

// NewOAuth returns handlers that act through svc. Browsers reach this server
// at baseURL, and the web frontend at frontendURL.
func NewOAuth(svc providerLogins, baseURL, frontendURL string) *OAuth {
	h := &OAuth{svc: svc, frontend: frontendURL}
	if u, err := url.Parse(baseURL); err == nil {
		h.path, h.secure = u.Path, u.Scheme == "https"
	}
	return h
}

// Authorize answers GET /auth/oauth/:provider/authorize by sending the browser
// to the provider. A failure sends browsers to the login page; programs get an
// error.
func (h *OAuth) Authorize(c *gin.Context) error {
	provider := c.Param("provider")
	start, err := h.svc.Begin(c.Request.Context(), provider)
	if err != nil {
		if strings.Contains(c.GetHeader("Accept"), "text/html") {
			h.redirectToLogin(c, err)
			return nil
		}
		return err
	}
	h.setStateCookie(c, start.State, start.Browser.Reveal(), oauthStateSeconds)
	redirect(c, start.URL)
	return nil
}

// Callback answers GET /auth/oauth/:provider/callback, always with a redirect
// to the frontend.
func (h *OAuth) Callback(c *gin.Context) error {
	in := models.OAuthReturn{
		Provider: c.Param("provider"), State: c.Query("state"), Code: models.NewSecret(c.Query("code")), Issuer: c.Query("iss"),
		Error: c.Query("error"), ErrorDescription: c.Query("error_description"),
	}
	if cookie, err := c.Cookie(stateCookieName(in.State)); err == nil {
		in.Browser = models.NewSecret(cookie)
		h.setStateCookie(c, in.State, "", -1)
	}
	code, err := h.svc.Finish(c.Request.Context(), in)
	if err != nil {
		h.redirectToLogin(c, err)
		return nil
	}
	redirect(c, h.frontend+"/auth/callback?code="+url.QueryEscape(code))
	return nil
}

// Exchange answers POST /auth/oauth/exchange.
func (h *OAuth) Exchange(c *gin.Context) error {
	var in models.OAuthExchange
	if err := decode(c, &in); err != nil {
		return err
	}
	s, err := h.svc.Exchange(c.Request.Context(), in)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, s)
	return nil
}

// redirectToLogin sends the browser to the login page, which shows the message.
func (h *OAuth) redirectToLogin(c *gin.Context, err error) {
	msg := models.MessageOf(err)
	if models.KindOf(err) == models.Internal {
		msg = "something went wrong on our side; please try again"
	}
	redirect(c, h.frontend+"/login?error="+url.QueryEscape(msg))
}

// setStateCookie stores the browser's secret of one login. Each login has a cookie
// of its own, so that several tabs can log in at once. A negative age removes
// it. With SameSite=Lax browsers send it when the provider redirects back.
func (h *OAuth) setStateCookie(c *gin.Context, state, value string, seconds int) {
	http.SetCookie(c.Writer, &http.Cookie{ //nolint:gosec // Secure wherever browsers come over https
		Name: stateCookieName(state), Value: value, MaxAge: seconds,
		Path:     h.path + "/v1/api/auth/oauth/" + url.PathEscape(c.Param("provider")) + "/callback",
		HttpOnly: true, Secure: h.secure, SameSite: http.SameSiteLaxMode,
	})
}

func stateCookieName(state string) string {
	sum := sha256.Sum256([]byte(state))
	return "kubeorch_login_" + hex.EncodeToString(sum[:8])
}

// redirect answers without a body, because the URL may hold a code.
func redirect(c *gin.Context, to string) {
	c.Header("Location", to)
	c.Status(http.StatusTemporaryRedirect)
	c.Writer.WriteHeaderNow()
}
